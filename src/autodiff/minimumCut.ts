/**
 * The cheapest set of vertices that separates sources from sinks in a directed graph: minimum vertex cut by
 * augmenting paths. Knows nothing of tensors; `split.ts` asks it what to save.
 */

export interface CutProblem {
  /** What each vertex costs to cut; finite. */
  readonly weights: readonly number[];
  readonly edges: readonly (readonly [from: number, to: number])[];
  readonly sources: readonly number[];
  readonly sinks: readonly number[];
}

interface Edge {
  readonly to: number;
  capacity: number;
  readonly back: Edge;
}

/** The vertices to cut. Among equally cheap sets, the one nearest to the sinks. */
export function minimumCut({ weights, edges, sources, sinks }: CutProblem): number[] {
  // A vertex v is an edge from 2v to 2v + 1 that carries its weight; everything else carries any amount.
  const source = 2 * weights.length;
  const sink = source + 1;
  const out: Edge[][] = Array.from({ length: sink + 1 }, () => []);
  for (const [v, weight] of weights.entries()) connect(out, 2 * v, 2 * v + 1, weight);
  for (const [from, to] of edges) connect(out, 2 * from + 1, 2 * to, Number.POSITIVE_INFINITY);
  for (const v of sources) connect(out, source, 2 * v, Number.POSITIVE_INFINITY);
  for (const v of sinks) connect(out, 2 * v + 1, sink, Number.POSITIVE_INFINITY);
  for (let path = findPath(out, source, sink); path !== undefined; path = findPath(out, source, sink)) {
    const amount = Math.min(...path.map((edge) => edge.capacity));
    for (const edge of path) {
      edge.capacity -= amount;
      edge.back.capacity += amount;
    }
  }
  const near = reaching(out, sink);
  return weights.flatMap((_, v) => (near.has(2 * v + 1) && !near.has(2 * v) ? [v] : []));
}

function connect(out: Edge[][], from: number, to: number, capacity: number): void {
  const forth = { to, capacity } as { to: number; capacity: number; back: Edge };
  const back: Edge = { to: from, capacity: 0, back: forth };
  forth.back = back;
  out[from].push(forth);
  out[to].push(back);
}

/** Edges of a shortest path with capacity left. */
function findPath(out: readonly Edge[][], source: number, sink: number): Edge[] | undefined {
  const arrived = new Map<number, Edge>();
  const queue = [source];
  for (const at of queue) {
    for (const edge of out[at]) {
      if (edge.capacity <= 0 || edge.to === source || arrived.has(edge.to)) continue;
      arrived.set(edge.to, edge);
      queue.push(edge.to);
    }
    if (arrived.has(sink)) break;
  }
  if (!arrived.has(sink)) return undefined;
  const path: Edge[] = [];
  for (let at = sink; at !== source; at = path[path.length - 1].back.to) path.push(arrived.get(at) as Edge);
  return path;
}

/** Ends from which the sink can still be reached. */
function reaching(out: readonly Edge[][], sink: number): Set<number> {
  const found = new Set([sink]);
  for (const at of found) for (const edge of out[at]) if (edge.back.capacity > 0) found.add(edge.to);
  return found;
}
