import { test } from "vitest";
import { symbol } from "/work/main/src/base/dims.ts";
import { agree, graphOf } from "/work/main/test/loops/agree.ts";
import { print } from "/work/main/src/loops/print.ts";
const f = (shape: any, dtype: any = "float32") => ({ dtype, shape });
test("elementwise", () => {
  const b = symbol("b");
  const p = agree(graphOf((g) => {
    const x = g.input("x", f([b, 6])); const y = g.input("y", f([6]));
    const z = g.add("add", {}, [x, g.broadcastTo(y, [b, 6])]);
    const w = g.add("tanh", {}, [z]);
    return [w, g.add("mul", {}, [w, z])];
  }), [{ b: 3 }, { b: 0 }]);
  console.log(print(p));
});
test("lstm", () => {
  const b = symbol("b"), t = symbol("t"); const u = 5;
  const body = graphOf((g) => {
    const U = g.input("U", f([u, 4 * u])); const h = g.input("h", f([b, u])); const c = g.input("c", f([b, u])); const xz = g.input("xz", f([b, 4 * u]));
    const z = g.add("add", {}, [xz, g.add("matmul", { transposeA: false, transposeB: false }, [h, U])]);
    const [i, ff, cc, o] = [0, 1, 2, 3].map((k) => g.sliceAxis(z, 1, k * u, (k + 1) * u));
    const s = (x: any) => g.add("sigmoid", {}, [x]);
    const th = (x: any) => g.add("tanh", {}, [x]);
    const si = s(i), sf = s(ff), so = s(o), tc = th(cc);
    const c2 = g.add("add", {}, [g.add("mul", {}, [sf, c]), g.add("mul", {}, [si, tc])]);
    const h2 = g.add("mul", {}, [so, th(c2)]);
    return [h2, c2, h2, si, sf];
  }, "lstm");
  const p = agree(graphOf((g) => {
    const x = g.input("x", f([t, b, 3])); const W = g.input("W", f([3, 4 * u])); const U = g.input("U", f([u, 4 * u])); const bias = g.input("bias", f([4 * u]));
    const x2 = g.reshape(x, [ (t as any).key ? mul(t, b) : 0, 3]);
    const xw = g.add("matmul", { transposeA: false, transposeB: false }, [x2, W]);
    const xz = g.reshape(g.add("add", {}, [xw, g.broadcastTo(bias, [mul(t, b), 4 * u])]), [t, b, 4 * u]);
    const zero = g.full([b, u], 0);
    return g.addAll("scan", { body, length: t, reverse: false, consts: 1, carry: 2 }, [U, zero, zero, xz]) as any;
  }), [{ b: 3, t: 4 }, { b: 5, t: 2 }, { b: 1, t: 0 }, { b: 8, t: 1 }]);
  console.log(print(p));
});
import { multiplyDims as mul } from "/work/main/src/base/dims.ts";
