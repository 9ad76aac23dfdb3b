/**
 * Tensors whose elements lie in files beside the .onnx file, as PyTorch writes them: which files those are, and the model
 * with the elements in their places, as views of those files. Only names in the folder of the file and below are followed.
 * Not here: reading files.
 */
import { FormatError, OptionError } from "../../base/errors.ts";
import { formatShape, product } from "../../base/shapes.ts";
import { elementBytes, isElementType } from "../elements.ts";
import { quoted, shortened } from "../quoted.ts";
import type { OnnxAttribute, OnnxGraph, OnnxModelProto, OnnxNode, OnnxTensor } from "./messages.ts";

/** The files that the elements of a model's tensors lie in, each once. Raises FormatError for names that lead elsewhere. */
export function dataFiles(proto: OnnxModelProto, where: string): string[] {
  const names = new Set<string>();
  mapTensors(proto, (tensor) => {
    if (tensor.external === undefined || names.has(tensor.external.location)) return tensor;
    const { location } = tensor.external;
    if (!isBeside(location)) {
      throw new FormatError(
        `${where}: tensor "${shortened(tensor.name)}": expected its elements in a file beside this one, got the name ${quoted(location)}. Nothing outside of the folder is read; save the model in one file, with onnx.save_model(model, path, save_as_external_data=False).`,
        { tensor: tensor.name, location },
      );
    }
    names.add(location);
    return tensor;
  });
  return [...names];
}

/** The model with all its elements. Raises OptionError for a file that is not given, FormatError for places that are not in it. */
export function withData(proto: OnnxModelProto, files: ReadonlyMap<string, Uint8Array>, where: string): OnnxModelProto {
  return dataFiles(proto, where).length === 0 ? proto : mapTensors(proto, (tensor) => filled(tensor, files, where));
}

/** Whether a name is that of a file in the same folder or one below, on any system. */
function isBeside(name: string): boolean {
  const isPlain = name !== "" && !name.startsWith("/") && !/[\\:\0]/.test(name);
  return isPlain && !name.split("/").some((part) => part === ".." || part === "");
}

function filled(tensor: OnnxTensor, files: ReadonlyMap<string, Uint8Array>, where: string): OnnxTensor {
  const { external, ...rest } = tensor;
  if (external === undefined) return tensor;
  const { name, elementType, dims } = tensor;
  const what = `${where}: tensor "${shortened(name)}"`;
  const file = files.get(external.location);
  if (file === undefined) {
    throw new OptionError(
      `${what}: expected the bytes of ${quoted(external.location)}, where its elements lie, got none. Load the model by its path, or give that file too.`,
      { tensor: name, location: external.location },
    );
  }
  // Types that Recurve does not read are refused where they are used.
  if (!isElementType(elementType)) return rest;
  const { offset, length = file.length - offset } = external;
  const size = product(dims) * elementBytes(elementType);
  if (length === size && offset + length <= file.length) return { ...rest, data: file.subarray(offset, offset + size) };
  throw new FormatError(
    `${what}: expected ${size} bytes for ${elementType} ${formatShape(dims.slice(0, 8))} in ${quoted(external.location)}, got ${length} from byte ${offset} of ${file.length}. One of the two files is damaged or of another model; save or download both again.`,
    { tensor: name, location: external.location },
  );
}

/** The same model with every tensor changed: those of nodes and of graphs in graphs too. */
function mapTensors(proto: OnnxModelProto, change: (tensor: OnnxTensor) => OnnxTensor): OnnxModelProto {
  const attributeOf = (attribute: OnnxAttribute): OnnxAttribute => {
    const { value } = attribute;
    if (value.kind === "tensor") return { ...attribute, value: { ...value, value: change(value.value) } };
    if (value.kind === "graph") return { ...attribute, value: { ...value, value: graphOf(value.value) } };
    return attribute;
  };
  const nodeOf = (node: OnnxNode): OnnxNode => ({ ...node, attributes: node.attributes.map(attributeOf) });
  const graphOf = (graph: OnnxGraph): OnnxGraph => ({
    ...graph,
    initializers: graph.initializers.map(change),
    nodes: graph.nodes.map(nodeOf),
  });
  return {
    ...proto,
    graph: graphOf(proto.graph),
    functions: proto.functions.map((one) => ({ ...one, nodes: one.nodes.map(nodeOf) })),
  };
}
