/** The minimum cut against trying every set of vertices, on small random graphs. */
import { expect, test } from "vitest";
import { type CutProblem, minimumCut } from "../../src/autodiff/minimumCut.ts";
import { keyFromSeed, uniformAt } from "../../src/base/random.ts";

function separates({ weights, edges, sources, sinks }: CutProblem, cut: ReadonlySet<number>): boolean {
  const reached = new Set(sources.filter((v) => !cut.has(v)));
  for (const v of reached) for (const [from, to] of edges) if (from === v && !cut.has(to)) reached.add(to);
  expect(weights.length).toBeGreaterThan(0);
  return !sinks.some((v) => reached.has(v));
}

function cheapest(problem: CutProblem): number {
  let best = Number.POSITIVE_INFINITY;
  for (let set = 0; set < 2 ** problem.weights.length; set++) {
    const cut = problem.weights.flatMap((_, v) => (set & (1 << v) ? [v] : []));
    const weight = cut.reduce((sum, v) => sum + problem.weights[v], 0);
    if (weight < best && separates(problem, new Set(cut))) best = weight;
  }
  return best;
}

test("the cut separates sources from sinks and nothing cheaper does (seeds 0 to 99)", () => {
  for (let seed = 0; seed < 100; seed++) {
    const key = keyFromSeed(seed);
    let next = 0;
    const draw = (below: number): number => Math.floor(uniformAt(key, next++) * below);
    const count = 2 + draw(7);
    const weights = Array.from({ length: count }, () => draw(5));
    const edges = Array.from({ length: 2 * count }, () => [draw(count), draw(count)].sort((a, b) => a - b)).flatMap(
      ([from, to]) => (from < to ? [[from, to] as const] : []),
    );
    const problem = { weights, edges, sources: [0, draw(count)], sinks: [count - 1, draw(count)] };
    const cut = minimumCut(problem);
    expect(separates(problem, new Set(cut)), `seed ${seed}`).toBe(true);
    expect(
      cut.reduce((sum, v) => sum + weights[v], 0),
      `seed ${seed}`,
    ).toBe(cheapest(problem));
  }
});

test("among equally cheap cuts the one nearest to the sinks is taken", () => {
  expect(
    minimumCut({
      weights: [1, 1, 1],
      edges: [
        [0, 1],
        [1, 2],
      ],
      sources: [0],
      sinks: [2],
    }),
  ).toEqual([2]);
});
