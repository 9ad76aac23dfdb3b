/**
 * In which order parts of a model follow each other, from sizes alone: each must read as many numbers as the one before
 * it gives. For formats that hold weights without a network. Not here: what the parts are.
 */

/** One thing that a part can be. */
export interface Link<Part> {
  readonly part: Part;
  /** Numbers a step that it reads; undefined for indices. */
  readonly inputs: number | undefined;
  /** Numbers a step that it gives. */
  readonly width: number;
}

/** For each part what it can be, the likeliest first. */
export type Ways<Part> = readonly (readonly Link<Part>[])[];

/** The parts in this very order, if they chain. */
export function chained<Part>(ways: Ways<Part>): Link<Part>[] | undefined {
  const [first = [], ...rest] = ways;
  for (const start of first) {
    const links = [start];
    for (const choices of rest) {
      const next = choices.find(({ inputs }) => inputs === links[links.length - 1].width);
      if (next === undefined) break;
      links.push(next);
    }
    if (links.length === ways.length) return links;
  }
  return undefined;
}

/** How many beginnings of orders are tried before the caller must say it. */
const mostTries = 20_000;

/**
 * The orders in which all parts chain, of those that begin with the likeliest part (`rankOf` is lowest) for which there are
 * any. Two at most, which tell that there are several; undefined if there are too many to look at.
 */
export function ordersOf<Part>(ways: Ways<Part>, rankOf: (link: Link<Part>) => number): Link<Part>[][] | undefined {
  const all = ways.flat();
  const ranks = [...new Set(all.map(rankOf))].sort((a, b) => a - b);
  const budget = { left: mostTries };
  for (const rank of ranks) {
    const group = all.filter((link) => rankOf(link) === rank);
    const found = ordersFrom(group, all, ways.length, budget);
    if (budget.left < 0) return undefined;
    if (found.length > 0) return found;
  }
  return [];
}

function ordersFrom<Part>(
  starts: readonly Link<Part>[],
  all: readonly Link<Part>[],
  length: number,
  budget: { left: number },
): Link<Part>[][] {
  const found: Link<Part>[][] = [];
  const links: Link<Part>[] = [];
  const used = new Set<Part>();
  const extend = (next: Link<Part>): void => {
    budget.left--;
    links.push(next);
    used.add(next.part);
    if (links.length === length) found.push([...links]);
    for (const after of all) {
      if (found.length > 1 || budget.left < 0) break;
      if (after.inputs === next.width && !used.has(after.part)) extend(after);
    }
    used.delete(next.part);
    links.pop();
  };
  for (const start of starts) if (found.length < 2 && budget.left >= 0) extend(start);
  return found;
}
