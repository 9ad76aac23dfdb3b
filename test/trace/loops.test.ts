/** Loops as users write them: a number of steps known in the call, an end that the step decides, draws at every step. */
import { expect, test } from "vitest";
import { foldIn as hostFoldIn, keyFromSeed, uniformAt } from "../../src/base/random.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import {
  add,
  bernoulli,
  compile,
  foldIn,
  grad,
  greater,
  greaterEqual,
  mul,
  randomKey,
  range,
  type ScanOptions,
  scan,
  spec,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  uniform,
  where,
  zeros,
} from "../../src/trace/index.ts";
import { backends } from "../backends.ts";

const int = (x: number): Tensor => tensor(x, { dtype: "int32" });
const xs = tensor([
  [1, 2],
  [3, 4],
  [5, 6],
]);

/** c' = c / 2 + x */
const smooth = (c: Tensor, x: Tensor) => {
  const next = add(mul(c, 0.5), x);
  return { carry: next, y: next };
};

test.for(backends)("one program runs as many steps as a call says, or all, on %s", (backend) => {
  const run = compile((steps: Tensor) => scan(smooth, { init: zeros([2]), xs, steps }), { backend });
  expect(run(int(0)).ys.toArray()).toEqual(zeros([3, 2]).toArray());
  const two = run(int(2));
  expect([two.carry.toArray(), two.ys.toArray()]).toEqual([
    [3.5, 5],
    [
      [1, 2],
      [3.5, 5],
      [0, 0],
    ],
  ]);
  expect(run(int(99)).carry.toArray()).toEqual([6.75, 8.5]);
  expect(run(int(-99)).carry.toArray()).toEqual([0, 0]);
  expect(run.programs).toBe(1);
});

test.for(backends)("in reverse the steps run are the first ones too, from the last of them down, on %s", (backend) => {
  const run = compile((steps: Tensor) => scan(smooth, { init: zeros([2]), xs, steps, reverse: true }), { backend });
  expect(run(int(2)).ys.toArray()).toEqual([
    [2.5, 4],
    [3, 4],
    [0, 0],
  ]);
});

test.for(backends)("what a step left out would read may be NaN, in gradients too, on %s", (backend) => {
  const data = tensor([1, 2, Number.NaN, Number.NaN]);
  const loss = ({ w, x }: { w: Tensor; x: Tensor }, steps: Tensor): Tensor => {
    const { carry, ys } = scan(
      (c: Tensor, now: Tensor) => {
        const next = tanh(add(mul(c, w), mul(now, w)));
        return { carry: next, y: mul(next, now) };
      },
      { init: tensor(0.5), xs: x, steps },
    );
    return add(carry, sum(ys));
  };
  const run = compile(
    (x: Tensor, steps: Tensor) => grad((p: { w: Tensor; x: Tensor }) => loss(p, steps))({ w: tensor(0.3), x }),
    {
      backend,
    },
  );
  const whole = run(tensor([1, 2]), int(2));
  const cut = run(data, int(2));
  expect(cut.w.item()).toBe(whole.w.item());
  expect(cut.x.toArray()).toEqual([...(whole.x.toArray() as number[]), 0, 0]);
});

/** Doubles a number until it is above another. */
function doubled(most: Tensor, steps?: Tensor): { carry: Tensor; ys: Tensor; steps: Tensor } {
  return scan(
    (c: Tensor) => {
      const next = mul(c, 2);
      return { carry: next, y: next };
    },
    { init: tensor(1), length: 6, until: (c) => greater(c, most), ...(steps && { steps }) },
  );
}

test.for(backends)("a loop with until stops after the first step that satisfies it, on %s", (backend) => {
  const run = compile((most: Tensor) => doubled(most), { backend });
  const at = (most: number): unknown[] => {
    const { carry, ys, steps } = run(tensor(most));
    return [carry.item(), ys.toArray(), steps.item(), steps.dtype];
  };
  expect(at(5)).toEqual([8, [2, 4, 8, 0, 0, 0], 3, "int32"]);
  expect(at(0)).toEqual([2, [2, 0, 0, 0, 0, 0], 1, "int32"]);
  expect(at(1e9)).toEqual([64, [2, 4, 8, 16, 32, 64], 6, "int32"]);
  expect(at(Number.NaN)).toEqual([64, [2, 4, 8, 16, 32, 64], 6, "int32"]);
  const most = compile((steps: Tensor) => doubled(tensor(5), steps), { backend });
  expect([most(int(2)).steps.item(), most(int(5)).steps.item(), most(int(0)).carry.item()]).toEqual([2, 3, 1]);
});

test("an eager scan ends by itself too, and one of length 0 takes no step", () => {
  expect(doubled(tensor(20)).steps.item()).toBe(5);
  const none = scan((c: Tensor) => ({ carry: mul(c, 2) }), { init: tensor(3), length: 0, until: (c) => greater(c, 0) });
  expect([none.steps.item(), none.carry.item()]).toEqual([0, 3]);
});

test("the gradient of a loop with until is that of the steps taken", () => {
  const loss = (a: Tensor): Tensor => {
    const { carry } = scan((c: Tensor) => ({ carry: mul(c, a) }), {
      init: tensor(1),
      length: 50,
      until: (c) => greaterEqual(c, 8),
    });
    return carry;
  };
  for (const backend of backends) {
    const slope = compile((a: Tensor) => grad(loss)(a), { backend });
    // 2^3 reaches 8: d a^3 = 3 a^2; 3^2 does: d a^2 = 2 a.
    expect([slope(tensor(2)).item(), slope(tensor(3)).item()]).toEqual([12, 6]);
  }
});

test("a decode loop ends when every row has ended, and takes its own outputs as inputs", () => {
  const countdown = compile((start: Tensor) => {
    const { carry, ys, steps } = scan(
      ({ token }: { token: Tensor; left: Tensor }) => {
        const next = where(greater(token, 0), sub(token, 1), token);
        return { carry: { token: next, left: sum(next) }, y: next };
      },
      { init: { token: start, left: sum(start) }, length: 1000, until: ({ left }) => greaterEqual(0, left) },
    );
    return { token: carry.token, ys, steps };
  });
  const { ys, steps } = countdown(tensor([2, 4, 1], { dtype: "int32" }));
  expect(steps.item()).toBe(4);
  expect((ys.toArray() as number[][]).slice(0, 5)).toEqual([
    [1, 3, 0],
    [0, 2, 0],
    [0, 1, 0],
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

test("what a loop cannot do is refused in the user's words", () => {
  const init = tensor(0);
  const wrong = (options: object): (() => unknown) => {
    return () =>
      scan((c: Tensor) => ({ carry: c }), { init, length: 3, name: "s", ...options } as ScanOptions<Tensor, undefined>);
  };
  expect(wrong({ until: () => tensor(1) })).toThrow('scan "s": expected until to return a bool scalar, got float32 []');
  expect(wrong({ until: () => true })).toThrow('scan "s": expected until to return a bool scalar, got boolean');
  expect(wrong({ until: (c: Tensor) => greater(c, 1), reverse: true })).toThrow("expected until without reverse");
  expect(wrong({ steps: tensor(2) })).toThrow("(steps): expected int32, got float32");
  expect(wrong({ steps: tensor([1, 2], { dtype: "int32" }) })).toThrow("(steps): expected shape [], got [2]");
  expect(wrong({ lenght: 4 })).toThrow(
    'expected the option to be one of init, xs, length, reverse, steps, until, checkpoint, name, got "lenght"',
  );
  expect(() => scan((c: Tensor) => ({ carry: c, ys: c }) as never, { init, length: 2 })).toThrow(
    'scan, result of the step: expected the option to be one of carry, y, got "ys"',
  );
});

// ---- draws ------------------------------------------------------------------------------------------------------

const key = randomKey(5);

/** Dropout of a state with a mask of its own at every step, the keys made from the step's number. */
function noisy(w: Tensor, kept: (t: Tensor) => Tensor): Tensor {
  const { ys } = scan(
    (h: Tensor, t: Tensor) => {
      const next = tanh(mul(where(kept(t), h, 0), w));
      return { carry: next, y: next };
    },
    { init: tensor([0.3, 0.5, 0.7]), xs: range(4) },
  );
  return sum(ys);
}

test.for(backends)("a draw with a key of the step's number is the same forwards and backwards, on %s", (backend) => {
  const run = compile(
    (w: Tensor) => ({
      value: noisy(w, (t) => bernoulli(foldIn(key, t), 0.6, [3])),
      slope: grad((x: Tensor) => noisy(x, (t) => bernoulli(foldIn(key, t), 0.6, [3])))(w),
    }),
    { backend },
  );
  const masks = Array.from({ length: 4 }, (_, t) => {
    const own = hostFoldIn(keyFromSeed(5), t);
    return [0, 1, 2].map((i) => uniformAt(own, i) < Math.fround(0.6));
  });
  expect(masks.flat().filter((x) => x).length).toBeGreaterThan(4);
  expect(new Set(masks.map(String)).size).toBeGreaterThan(1);
  const value = (w: number): number => {
    let h = [0.3, 0.5, 0.7];
    let total = 0;
    for (const mask of masks) {
      h = h.map((x, i) => Math.tanh(mask[i] ? x * w : 0));
      total += h.reduce((a, b) => a + b);
    }
    return total;
  };
  const { value: got, slope } = run(tensor(1.3));
  expect(got.item()).toBeCloseTo(value(1.3), 5);
  expect(slope.item()).toBeCloseTo((value(1.3 + 1e-5) - value(1.3 - 1e-5)) / 2e-5, 4);
});

function opsOf(nodes: readonly Node[]): string[] {
  return nodes.map(({ op }) => op);
}

/** The ops of the bodies of a graph's scans. */
function bodyOps({ nodes }: Graph): string[] {
  return nodes.flatMap((node) => (node.op === "scan" ? opsOf(node.params.body.nodes) : []));
}

test("a draw whose key is the same at every step is made once, in front of the loops", () => {
  const run = compile(
    (w: Tensor, k: Tensor) => grad((x: Tensor) => noisy(x, () => bernoulli(foldIn(k, 3), 0.6, [3])))(w),
    { inputs: [spec([]), spec([2], "int32")] },
  );
  const { optimised } = run.inspect(tensor(1.3), key);
  expect(bodyOps(optimised)).not.toContain("random");
  expect(opsOf(optimised.nodes).filter((op) => op === "random").length).toBe(3);
  const same = grad((x: Tensor) => noisy(x, () => bernoulli(foldIn(key, 3), 0.6, [3])))(tensor(1.3));
  expect(run(tensor(1.3), key).item()).toBeCloseTo(same.item(), 6);
});

test("a draw of every step mixes the key of the loop in front of it", () => {
  const run = compile(
    (k: Tensor) =>
      scan((c: Tensor, t: Tensor) => ({ carry: add(c, uniform(foldIn(k, t), [2])) }), {
        init: zeros([2]),
        xs: range(3),
      }).carry,
  );
  const { optimised } = run.inspect(key);
  // The step number is added and mixed in the loop, then come the draws.
  expect(bodyOps(optimised).filter((op) => op === "random").length).toBe(2);
  expect(opsOf(optimised.nodes).filter((op) => op === "random").length).toBe(1);
});
