/** Einstein's sums of one or two operands: `bti,bsi->bts`. One product of matrices, with axes in order around it. */
import type { Dim } from "../../../base/dims.ts";
import { sizeOf } from "../../../base/shapes.ts";
import { matmul, reshape, sum, type Tensor, transpose } from "../../../trace/index.ts";

/** The result; undefined for equations with dots, repeated letters or more operands. */
export function einsum(equation: string, operands: readonly Tensor[]): Tensor | undefined {
  const [left, right] = equation.replace(/ /g, "").split("->");
  const terms = left.split(",");
  if (terms.length !== operands.length || terms.length > 2 || terms.length < 1) return undefined;
  const out = right ?? usualOutput(terms);
  const fits = terms.every((term, i) => isPlain(term) && term.length === operands[i].rank);
  if (!fits || !isPlain(out) || [...out].some((letter) => !terms.some((term) => term.includes(letter))))
    return undefined;
  if (terms.length === 1) {
    const [term, x] = summed(terms[0], operands[0], (letter) => out.includes(letter));
    return ordered(term, x, out);
  }
  return two(terms, operands, out);
}

function isPlain(term: string): boolean {
  return /^[A-Za-z]*$/.test(term) && new Set(term).size === term.length;
}

/** Letters that stand once, in alphabetical order. */
function usualOutput(terms: readonly string[]): string {
  const all = terms.join("");
  return [...new Set(all)]
    .filter((letter) => all.split(letter).length === 2)
    .sort()
    .join("");
}

function two([first, second]: readonly string[], [a, b]: readonly Tensor[], out: string): Tensor {
  // Letters that stand in one operand only and not in the result are summed at once.
  const [p, x] = summed(first, a, (letter) => out.includes(letter) || second.includes(letter));
  const [q, y] = summed(second, b, (letter) => out.includes(letter) || first.includes(letter));
  const shared = [...p].filter((letter) => q.includes(letter));
  const batch = shared.filter((letter) => out.includes(letter));
  const inner = shared.filter((letter) => !out.includes(letter));
  const rows = [...p].filter((letter) => !shared.includes(letter));
  const columns = [...q].filter((letter) => !shared.includes(letter));
  const size = (letter: string): Dim => (p.includes(letter) ? x.shape[p.indexOf(letter)] : y.shape[q.indexOf(letter)]);
  const sizes = (letters: readonly string[]): Dim[] => letters.map(size);
  const matrix = (term: string, v: Tensor, order: readonly (readonly string[])[]): Tensor =>
    reshape(
      ordered(term, v, order.flat().join("")),
      order.map((letters) => sizeOf(sizes(letters))),
    );
  const result = matmul(matrix(p, x, [batch, rows, inner]), matrix(q, y, [batch, inner, columns]));
  const letters = [...batch, ...rows, ...columns];
  return ordered(letters.join(""), reshape(result, sizes(letters)), out);
}

/** Without the letters that are not kept. */
function summed(term: string, x: Tensor, keeps: (letter: string) => boolean): [string, Tensor] {
  const axes = [...term].flatMap((letter, i) => (keeps(letter) ? [] : [i]));
  return [[...term].filter(keeps).join(""), axes.length === 0 ? x : sum(x, axes)];
}

function ordered(term: string, x: Tensor, out: string): Tensor {
  return transpose(
    x,
    [...out].map((letter) => term.indexOf(letter)),
  );
}
