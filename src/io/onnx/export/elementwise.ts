/** How the elementwise ops are spelled in ONNX. */
import type { Value } from "../../../graph/graph.ts";
import type { BinaryOp, UnaryOp } from "../../../graph/ops.ts";
import { elementNames, type OnnxElementType } from "../tensors.ts";
import type { Place, Rule } from "./place.ts";

/** An operator of ONNX that means the same. */
export function unary(op: string): Rule<UnaryOp> {
  return ({ ins: [x] }, at) => [at.writer.one(op, [at.name(x)])];
}

/** An operator of ONNX that means the same, and broadcasts. */
export function binary(op: string): Rule<BinaryOp> {
  return ({ ins, outs: [out] }, at) => [at.writer.one(op, at.broadcasting(ins, out.shape))];
}

/** An order, which ONNX has for numbers only. */
export function order(op: string): Rule<BinaryOp> {
  return ({ ins, outs: [out] }, at) => {
    const names = at.broadcasting(ins, out.shape);
    const isBool = ins[0].dtype === "bool";
    return [at.writer.one(op, isBool ? names.map((name) => castTo("int32", name, at)) : names)];
  };
}

/** The larger of two; with zero it is what people look for as Relu. */
export const max: Rule<"max"> = ({ ins, outs: [out] }, at) => {
  const zero = ins.findIndex((one) => one.dtype === "float32" && at.numberOf(one) === 0);
  if (zero >= 0) return [at.writer.one("Relu", [at.name(ins[1 - zero])])];
  return [at.writer.one("Max", at.broadcasting(ins, out.shape))];
};

/** Floor modulo. ONNX has it for integers; of floats it has C's, which has the sign of the dividend. */
export const mod: Rule<"mod"> = ({ ins, outs: [out] }, at) => {
  const { writer } = at;
  const [a, b] = at.broadcasting(ins, out.shape);
  if (out.dtype === "int32") return [writer.one("Mod", [a, b])];
  const zero = writer.constant("float32", [], Float32Array.of(0));
  const rest = writer.one("Mod", [a, b], { fmod: { kind: "int", value: 1 } });
  const isBelow = (name: string): string => writer.one("Less", [name, zero]);
  const turned = writer.one("Xor", [isBelow(rest), isBelow(b)]);
  const isRest = writer.one("Not", [writer.one("Equal", [rest, zero])]);
  return [writer.one("Where", [writer.one("And", [turned, isRest]), writer.one("Add", [rest, b]), rest])];
};

/** Choices between truth values are spelled in logic: not every runtime has a Where of bool. */
export const select: Rule<"select"> = ({ ins, outs: [out] }, at) => {
  const { writer } = at;
  const [condition, a, b] = at.broadcasting(ins, out.shape);
  if (out.dtype !== "bool") return [writer.one("Where", [condition, a, b])];
  const others = writer.one("And", [writer.one("Not", [condition]), b]);
  return [writer.one("Or", [writer.one("And", [condition, a]), others])];
};

export const cast: Rule<"cast"> = ({ ins: [x], params: { dtype } }, at) => [
  x.dtype === dtype ? at.name(x) : castTo(dtype, at.name(x), at),
];

/** For ops that only say something about their operand. */
export const same = ({ ins: [x] }: { readonly ins: readonly Value[] }, at: Place): readonly string[] => [at.name(x)];

export function castTo(dtype: OnnxElementType, name: string, at: Place): string {
  return at.writer.one("Cast", [name], { to: { kind: "int", value: elementNames.indexOf(dtype) } });
}
