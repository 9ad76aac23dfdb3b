/**
 * What is added to a product in another shape, such as the bias of a dense layer on every step, is added before the
 * product takes that shape: then a kernel adds where it stores (`loops/lower/sums.ts`). Lowering begins with it.
 */
import { equalDims } from "../base/dims.ts";
import type { Builder } from "../graph/build.ts";
import type { Graph, Value } from "../graph/graph.ts";
import { countUses, rewrite } from "./rewrite.ts";
import { producerOf } from "./splat.ts";

/** Puts sums of a reshaped product and of something for each column before the reshape. */
export function flat(graph: Graph): Graph {
  return rewrite(graph, (builder, { nodes, outputs, ...rest }) => {
    const uses = countUses({ nodes, outputs, ...rest });
    const sums = new Set<Value>();
    return (node) => {
      if (node.op !== "add") return undefined;
      const [out] = node.outs;
      const [a, b] = node.ins;
      const found = columnsAdded(builder, a, b, uses, sums) ?? columnsAdded(builder, b, a, uses, sums);
      if (found === undefined) return undefined;
      const sum = builder.add("add", {}, [found.product, found.columns]);
      const shaped = builder.reshape(sum, out.shape);
      sums.add(sum);
      uses.set(sum, 1).set(shaped, uses.get(out) ?? 0);
      return [shaped];
    };
  });
}

/** The product that `x` shows in another shape, and `y` in the product's. */
function columnsAdded(
  builder: Builder,
  x: Value,
  y: Value,
  uses: ReadonlyMap<Value, number>,
  sums: ReadonlySet<Value>,
): { product: Value; columns: Value } | undefined {
  const product = producerOf(builder, x, "reshape")?.ins[0];
  const row = producerOf(builder, y, "broadcast");
  if (product === undefined || row === undefined || uses.get(x) !== 1 || uses.get(product) !== 1) return undefined;
  if (producerOf(builder, product, "matmul") === undefined && !sums.has(product)) return undefined;
  const [last, columns] = [x.shape.length - 1, product.shape.length - 1];
  const same = equalDims(x.shape[last], product.shape[columns]);
  if (!same || row.params.axes.some((axis) => axis !== last)) return undefined;
  const axes = row.params.axes.map(() => columns);
  return { product, columns: builder.add("broadcast", { shape: product.shape, axes }, row.ins) };
}
