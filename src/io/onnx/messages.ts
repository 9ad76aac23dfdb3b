/**
 * The messages of an ONNX file (https://onnx.ai/onnx/repo-docs/IR.html; numbers of fields as in onnx.proto3) as plain
 * data, read from bytes and written to them. What the graph means is said in `graph.ts`. Not kept: documentation
 * strings, quantisation notes, training graphs.
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import { MessageWriter } from "../protobuf.ts";
import {
  type Fields,
  float,
  floats,
  int,
  ints,
  type Message,
  many,
  mapped,
  message,
  one,
  placeOf,
  text,
  texts,
} from "./fields.ts";
import {
  elementName,
  elementNames,
  entryMessage,
  type OnnxElementType,
  type OnnxEntry,
  type OnnxTensor,
  tensorMessage,
} from "./tensors.ts";

export { givenArrayOf, hostTensorOf, type OnnxElementType, type OnnxTensor, weightOf } from "./tensors.ts";

/** The value of an attribute, with its type. */
export type OnnxValue =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "int"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "graph"; readonly value: OnnxGraph }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "ints"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  /** Only in functions: the attribute of the caller that is meant. */
  | { readonly kind: "reference"; readonly value: string }
  /** A type that Recurve does not read, by its number: sparse tensors, types, lists of tensors. */
  | { readonly kind: "other"; readonly value: number };

export interface OnnxAttribute {
  readonly name: string;
  readonly value: OnnxValue;
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** "" is that of ONNX itself. */
  readonly domain: string;
  /** An input or output that is left out is "". */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

export interface OnnxValueInfo {
  readonly name: string;
  /** "undefined" where the file does not say, or means no tensor. */
  readonly elementType: OnnxElementType;
  /** A free size by its name, or null; undefined where even the rank is not known. */
  readonly shape: readonly (number | string | null)[] | undefined;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** What is known of the values between. */
  readonly values: readonly OnnxValueInfo[];
}

/** A function of the model's own, called as a node of its domain and name. */
export interface OnnxFunction {
  readonly name: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly string[];
  readonly defaults: readonly OnnxAttribute[];
  readonly nodes: readonly OnnxNode[];
  readonly opsets: readonly OnnxOpset[];
}

export interface OnnxOpset {
  readonly domain: string;
  readonly version: number;
}

export interface OnnxModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly opsets: readonly OnnxOpset[];
  readonly metadata: readonly OnnxEntry[];
  readonly graph: OnnxGraph;
  readonly functions: readonly OnnxFunction[];
}

/** The model in a file's bytes; `where` (its name) begins the sentences of errors. Elements of tensors are views of the bytes. */
export function decodeOnnxProto(bytes: Uint8Array, where = "ONNX file"): OnnxModelProto {
  return modelMessage.read(bytes, placeOf(where));
}

/** The bytes of a file. */
export function encodeOnnxProto(model: OnnxModelProto): Uint8Array {
  const writer = new MessageWriter();
  modelMessage.write(writer, model);
  return writer.finish();
}

const attributeKinds = ["float", "int", "string", "tensor", "graph", "floats", "ints", "strings"] as const;

interface AttributeWire {
  readonly name: string;
  readonly f: number;
  readonly i: number;
  readonly s: string;
  readonly t: OnnxTensor | undefined;
  readonly g: OnnxGraph | undefined;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly strings: readonly string[];
  readonly type: number;
  readonly reference: string;
}

const attributeWire: Message<AttributeWire> = message(
  (): Fields<AttributeWire> => ({
    name: text(1),
    f: float(2),
    i: int(3),
    s: text(4),
    t: one(5, () => tensorMessage),
    g: one(6, () => graphMessage),
    floats: floats(7),
    ints: ints(8),
    strings: texts(9),
    type: int(20),
    reference: text(21),
  }),
);

const attributeMessage: Message<OnnxAttribute> = mapped(attributeWire, openAttribute, closeAttribute);

function openAttribute(wire: AttributeWire, where: string): OnnxAttribute {
  return { name: wire.name, value: valueOf(wire, where) };
}

function valueOf({ name, type, reference, ...wire }: AttributeWire, where: string): OnnxValue {
  if (reference !== "") return { kind: "reference", value: reference };
  const kind = attributeKinds[type - 1];
  switch (kind) {
    case "float":
      return { kind, value: wire.f };
    case "int":
      return { kind, value: wire.i };
    case "string":
      return { kind, value: wire.s };
    case "tensor":
      return { kind, value: wire.t ?? refuseEmpty(name, where) };
    case "graph":
      return { kind, value: wire.g ?? refuseEmpty(name, where) };
    case "floats":
    case "ints":
      return { kind, value: wire[kind] };
    case "strings":
      return { kind, value: wire.strings };
    case undefined:
      return { kind: "other", value: type };
    default:
      return kind satisfies never;
  }
}

const noAttribute: Omit<AttributeWire, "name" | "type"> = {
  f: 0,
  i: 0,
  s: "",
  t: undefined,
  g: undefined,
  floats: [],
  ints: [],
  strings: [],
  reference: "",
};

function closeAttribute({ name, value }: OnnxAttribute): AttributeWire {
  const wire = { ...noAttribute, name, type: (attributeKinds as readonly string[]).indexOf(value.kind) + 1 };
  switch (value.kind) {
    case "float":
      return { ...wire, f: value.value };
    case "int":
      return { ...wire, i: value.value };
    case "string":
      return { ...wire, s: value.value };
    case "tensor":
      return { ...wire, t: value.value };
    case "graph":
      return { ...wire, g: value.value };
    case "floats":
      return { ...wire, floats: value.value };
    case "ints":
      return { ...wire, ints: value.value };
    case "strings":
      return { ...wire, strings: value.value };
    case "reference":
      return { ...wire, reference: value.value };
    case "other":
      throw new UnsupportedError(
        `attribute "${name.slice(0, 80)}": expected a type that Recurve writes, got type ${value.value}. Leave it out.`,
      );
    default:
      return value satisfies never;
  }
}

function refuseEmpty(name: string, where: string): never {
  throw new FormatError(
    `${where}: expected a value of attribute "${name.slice(0, 80)}", got none. The file is damaged; save it again.`,
    { attribute: name },
  );
}

const nodeMessage: Message<OnnxNode> = message(
  (): Fields<OnnxNode> => ({
    inputs: texts(1),
    outputs: texts(2),
    name: text(3),
    opType: text(4),
    attributes: many(5, () => attributeMessage),
    domain: text(7),
  }),
);

interface DimWire {
  readonly value: number | undefined;
  readonly name: string;
}

const dimMessage: Message<number | string | null> = mapped(
  message((): Fields<DimWire> => ({ value: present(1), name: text(2) })),
  ({ value, name }) => value ?? (name === "" ? null : name),
  (dim) => ({ value: typeof dim === "number" ? dim : undefined, name: typeof dim === "string" ? dim : "" }),
);

/** A whole number that may be absent, which is not 0. */
function present(number: number): Fields<DimWire>["value"] {
  const field = int(number);
  return {
    number,
    start: () => undefined,
    read: (_, wire, place) => field.read(0, wire, place),
    write: (writer, value) => {
      if (value !== undefined) writer.varint(number, value);
    },
  };
}

interface ShapeWire {
  readonly dims: readonly (number | string | null)[];
}

const shapeMessage = message((): Fields<ShapeWire> => ({ dims: many(1, () => dimMessage) }));

interface TensorTypeWire {
  readonly elementType: number;
  readonly shape: ShapeWire | undefined;
}

const tensorTypeMessage = message(
  (): Fields<TensorTypeWire> => ({ elementType: int(1), shape: one(2, () => shapeMessage) }),
);

const typeMessage = message(
  (): Fields<{ readonly tensor: TensorTypeWire | undefined }> => ({ tensor: one(1, () => tensorTypeMessage) }),
);

interface ValueInfoWire {
  readonly name: string;
  readonly type: { readonly tensor: TensorTypeWire | undefined } | undefined;
}

const valueInfoMessage: Message<OnnxValueInfo> = mapped(
  message((): Fields<ValueInfoWire> => ({ name: text(1), type: one(2, () => typeMessage) })),
  ({ name, type }, where) => ({
    name,
    elementType: elementName(type?.tensor?.elementType ?? 0, where),
    shape: type?.tensor?.shape?.dims,
  }),
  ({ name, elementType, shape }) => {
    const tensor = { elementType: elementNames.indexOf(elementType), shape: shape && { dims: shape } };
    return { name, type: elementType === "undefined" ? undefined : { tensor } };
  },
);

const graphMessage: Message<OnnxGraph> = message(
  (): Fields<OnnxGraph> => ({
    nodes: many(1, () => nodeMessage),
    name: text(2),
    initializers: many(5, () => tensorMessage),
    inputs: many(11, () => valueInfoMessage),
    outputs: many(12, () => valueInfoMessage),
    values: many(13, () => valueInfoMessage),
  }),
);

const opsetMessage: Message<OnnxOpset> = message((): Fields<OnnxOpset> => ({ domain: text(1), version: int(2) }));

const functionMessage: Message<OnnxFunction> = message(
  (): Fields<OnnxFunction> => ({
    name: text(1),
    inputs: texts(4),
    outputs: texts(5),
    attributes: texts(6),
    nodes: many(7, () => nodeMessage),
    opsets: many(9, () => opsetMessage),
    domain: text(10),
    defaults: many(11, () => attributeMessage),
  }),
);

interface ModelWire extends Omit<OnnxModelProto, "graph"> {
  readonly graph: OnnxGraph | undefined;
}

const modelMessage: Message<OnnxModelProto> = mapped(
  message(
    (): Fields<ModelWire> => ({
      irVersion: int(1),
      producerName: text(2),
      producerVersion: text(3),
      graph: one(7, () => graphMessage),
      opsets: many(8, () => opsetMessage),
      metadata: many(14, () => entryMessage),
      functions: many(25, () => functionMessage),
    }),
  ),
  ({ graph, ...rest }, where) => {
    if (graph !== undefined && rest.irVersion > 0) return { ...rest, graph };
    throw new FormatError(
      `${where}: expected an ONNX model, got a file without ${graph === undefined ? "a graph" : "a version"}. Give the .onnx file of a model.`,
    );
  },
  (model) => model,
);
