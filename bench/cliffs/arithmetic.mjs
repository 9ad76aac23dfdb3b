/**
 * How much arithmetic a graph holds, in multiply-adds and what is worth as much. Weights are rough: what a function
 * takes beside one lane of a product in cache. They judge cells beside each other, not machines.
 */
import { pathToFileURL } from "node:url";

const { evaluateDim } = await import(pathToFileURL(`${process.env.RECURVE_DIST}/base/dims.js`));

const functions = {
  tanh: 40,
  sigmoid: 40,
  exp: 30,
  log: 40,
  erf: 60,
  sin: 60,
  cos: 60,
  pow: 80,
  div: 10,
  sqrt: 10,
  mod: 20,
};
const free = new Set([
  "constant",
  "dimSize",
  "iota",
  "broadcast",
  "reshape",
  "transpose",
  "slice",
  "stopGradient",
  "named",
]);
const simple = 5;

/** The arithmetic of a graph in one call, `dims` being the values of its free sizes. */
export function arithmeticOf({ nodes }, dims) {
  return nodes.reduce((sum, node) => sum + ofNode(node, dims), 0);
}

function ofNode({ op, params, ins, outs }, dims) {
  const count = ({ shape }) => shape.reduce((product, dim) => product * evaluateDim(dim, dims), 1);
  if (free.has(op)) return 0;
  if (op === "scan") return evaluateDim(params.length, dims) * arithmeticOf(params.body, dims);
  if (op === "matmul") {
    const { shape } = ins[0];
    return count(outs[0]) * evaluateDim(shape[shape.length - (params.transposeA ? 2 : 1)], dims);
  }
  if (op === "random") return 60 * count(outs[0]);
  return (
    (functions[op] ?? simple) * Math.max(...[...ins, ...outs].map((x) => (op === "gather" ? count(outs[0]) : count(x))))
  );
}
