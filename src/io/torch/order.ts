/**
 * In which order the modules of a state dict follow each other: as they lie in the file if their sizes chain so, else the
 * one order in which they do, since safetensors files of PyTorch are sorted by name.
 */
import { UnsupportedError } from "../../base/errors.ts";
import { formatShape } from "../../base/shapes.ts";
import { chained, type Link, ordersOf, type Ways } from "../chain.ts";
import { quoted, someOf } from "../quoted.ts";
import { runsOf, type TorchModule } from "./modules.ts";

export interface Order {
  readonly links: readonly Link<TorchModule>[];
  /** Whether it is another order than that of the file. */
  readonly isFound: boolean;
}

export interface OrderOptions {
  readonly modules?: readonly string[];
  readonly kinds?: Readonly<Record<string, "embedding" | "linear">>;
}

/** The modules in order. Raises UnsupportedError where sizes chain in no order, or in several. */
export function orderModules(where: string, modules: readonly TorchModule[], options: OrderOptions): Order {
  const ways = modules.map((module) => waysOf(where, module, options, modules.length === 1));
  const asFiled = chained(ways);
  const isSorted = modules.every(({ name }, i) => i === 0 || modules[i - 1].name < name);
  // A file that is sorted by name may begin with what comes last.
  const isMeant = options.modules !== undefined || !isSorted || (asFiled !== undefined && rankOf(asFiled[0]) < 2);
  if (asFiled !== undefined && isMeant) return { links: asFiled, isFound: false };
  const orders = options.modules === undefined ? ordersOf(ways, rankOf) : [];
  if (orders?.length === 0) throw doesNotChain(where, ways);
  const [found] = orders ?? [];
  if (orders?.length === 1 && (asFiled === undefined || rankOf(found[0]) === rankOf(asFiled[0]))) {
    return { links: found, isFound: asFiled === undefined };
  }
  const shown = [...(asFiled === undefined ? [] : [asFiled]), ...(orders ?? [])].map((links) =>
    links.map(({ part }) => part.name).join(", "),
  );
  throw new UnsupportedError(
    `${where}: expected modules whose sizes chain in one order, got ${orders === undefined ? "very many" : `several orders (${someOf(shown, 2)})`}. Name them bottom first: { modules: ["embedding", "lstm", "fc"] }.`,
  );
}

/** Models begin with an embedding, or else rather with anything than with what is usually their end. */
function rankOf({ part, inputs }: Link<TorchModule>): number {
  if (inputs === undefined) return 0;
  return part.kind === "linear" || part.kind === "matrix" ? 2 : 1;
}

/** What a module can be: a matrix without a bias is an embedding where it comes first, or linear. */
function waysOf(
  where: string,
  module: TorchModule,
  { kinds = {} }: OrderOptions,
  isAlone: boolean,
): Link<TorchModule>[] {
  const { name, kind, tensors } = module;
  const [rows, columns] = tensors.get("weight")?.shape ?? [];
  switch (kind) {
    case "recurrent": {
      const runs = runsOf(module, where);
      const directions = runs.some(({ suffix }) => suffix.endsWith("_reverse")) ? 2 : 1;
      return [{ part: module, inputs: runs[0].inputs, width: runs[0].hidden * directions }];
    }
    case "norm":
    case "batchNorm":
      return [{ part: module, inputs: rows, width: rows }];
    case "linear":
    case "conv1d":
      return [{ part: module, inputs: columns, width: rows }];
    case "matrix": {
      const embedding = { part: module, inputs: undefined, width: columns };
      const linear = { part: module, inputs: columns, width: rows };
      if (Object.hasOwn(kinds, name)) return [kinds[name] === "embedding" ? embedding : linear];
      // By itself it is what its name says; beside others the sizes say it, and the name only where both would do.
      const isNamedLinear = isAlone ? !/emb/i.test(name) : /lin|fc|dense|proj/i.test(name);
      return isNamedLinear ? [linear, embedding] : [embedding, linear];
    }
    default:
      return kind satisfies never;
  }
}

/** The first module in the file's order that does not read what the one before it gives. */
function doesNotChain(where: string, ways: Ways<TorchModule>): UnsupportedError {
  const at = ways.findIndex((_, i) => i > 0 && chained(ways.slice(0, i + 1)) === undefined);
  const [before] = ways[Math.max(0, at - 1)];
  const step = (ways[at] ?? ways[0])[ways[at].length - 1];
  const shapes = [...step.part.tensors].slice(0, 2).map(([own, { shape }]) => `${own} ${formatShape(shape)}`);
  const reads = step.inputs === undefined ? "reads indices" : `reads ${step.inputs}`;
  return new UnsupportedError(
    `${where}: expected module ${quoted(step.part.name)} to read the ${before.width} numbers that ${quoted(before.part.name)} gives, got ${shapes.join(", ")}, which ${reads}. Name the modules in the order in which they are used, { modules: [...] }, or draw the model and call importStateDict.`,
    { module: step.part.name, width: before.width, inputs: step.inputs },
  );
}
