/** Models of ONNX from the bytes of a file. Not here: models of Recurve made of them (`lift/`). */
import { RecurveError, UnsupportedError } from "../../base/errors.ts";
import { isElementType } from "../elements.ts";
import { quoted, shortened } from "../quoted.ts";
import { functionKey, nodeName } from "./evaluate.ts";
import { dataFiles, withData } from "./external.ts";
import {
  decodeOnnxProto,
  hostTensorOf,
  type OnnxGraph,
  type OnnxModelProto,
  type OnnxNode,
  type OnnxTensor,
} from "./messages.ts";
import { OnnxModel, versionOf } from "./onnxModel.ts";
import { ruleOf } from "./ops/table.ts";

/** The oldest and newest versions of the operators that are read. */
export const [oldest, newest] = [7, 25];

/**
 * The model in the bytes of an .onnx file; `where` (its name) begins the sentences of errors, `files` has the bytes of each
 * name that `onnxDataFiles` gives. Raises FormatError for what is no such file, UnsupportedError, with all reasons, for a
 * model that Recurve can not run.
 */
export function decodeOnnx(
  bytes: Uint8Array,
  where = "ONNX file",
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): OnnxModel {
  return onnxModelOf(withData(decodeOnnxProto(bytes, where), files, where), where);
}

/** The names of the files beside an .onnx file that its weights lie in: none for most models. */
export function onnxDataFiles(bytes: Uint8Array, where = "ONNX file"): string[] {
  return dataFiles(decodeOnnxProto(bytes, where), where);
}

/** The same of a file that has been read already. */
export function onnxModelOf(proto: OnnxModelProto, where: string): OnnxModel {
  const missing = missingOf(proto, where);
  if (missing.length > 0) throw new UnsupportedError(missing.join(" "), { missing });
  return new OnnxModel(proto, where);
}

/** Sentences: why a model can not be run; none if it can. */
export function missingOf(proto: OnnxModelProto, where: string): readonly string[] {
  const version = versionOf(proto);
  const sentences: string[] = [];
  if (version < oldest || version > newest)
    sentences.push(
      `${where}: expected operators of opset ${oldest} to ${newest}, got ${version}. Convert it with onnx.version_converter.`,
    );
  for (const tensor of proto.graph.initializers) {
    if (sentences.length > 2) break;
    if (!isElementType(tensor.elementType)) sentences.push(refusalOf(tensor, where));
  }
  const known = new Set(proto.functions.map((one) => functionKey(one.domain, one.name)));
  const nodes = [...nodesOf(proto.graph), ...proto.functions.flatMap((one) => one.nodes)];
  const unknown = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    const key = functionKey(node.domain, node.opType);
    if (known.has(key) || ruleOf(node) !== undefined) continue;
    const places = unknown.get(key) ?? [];
    places.push(node);
    unknown.set(key, places);
  }
  if (unknown.size > 0) sentences.push(unknownOperators([...unknown.values()], version, where));
  return sentences;
}

/** The sentence with which a tensor is refused. */
function refusalOf(tensor: OnnxTensor, where: string): string {
  try {
    hostTensorOf(tensor, where);
    return "";
  } catch (error) {
    if (error instanceof RecurveError) return error.message;
    throw error;
  }
}

function unknownOperators(all: readonly (readonly OnnxNode[])[], version: number, where: string): string {
  const shown = all.slice(0, 8).map((places) => {
    const [{ opType, domain }] = places;
    const of = domain === "" || domain === "ai.onnx" ? `opset ${version}` : `domain ${quoted(domain)}`;
    const more = places.length > 1 ? ` and ${places.length - 1} more` : "";
    return `${shortened(opType)} of ${of} (node "${nodeName(places[0])}"${more})`;
  });
  const rest = all.length > shown.length ? `, and ${all.length - shown.length} others` : "";
  return `${where}: expected operators that Recurve has, got ${shown.join(", ")}${rest}. Export the model without them, or compute that part outside of it.`;
}

/** The nodes of a graph and of all graphs in it. */
export function nodesOf(graph: OnnxGraph): OnnxNode[] {
  return graph.nodes.flatMap((node) => [
    node,
    ...node.attributes.flatMap(({ value }) => (value.kind === "graph" ? nodesOf(value.value) : [])),
  ]);
}
