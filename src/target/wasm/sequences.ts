/**
 * Functions that take several instructions in WebAssembly: sign, abs, mod, max, min and shifts where there is no
 * single one. Each takes its operands from the stack and pushes its result.
 */
import { internal } from "../../base/errors.ts";
import type { FunctionBuilder } from "./assembler.ts";
import type { Kind, Scope } from "./scope.ts";

/** -1, 0 or 1 of the value on the stack; NaN and -0 stay what they are. */
export function emitSign(kind: Kind, scope: Scope): void {
  const { f } = scope;
  if (kind === "f32") {
    scope.borrow("f32", (x) => {
      f.set(x);
      f.f32(1);
      f.get(x);
      f.op("f32.copysign");
      f.get(x);
      f.get(x);
      f.op("f32.abs");
      f.f32(0);
      f.op("f32.gt");
      f.op("select");
    });
  } else if (kind === "f32x4") {
    scope.borrow("v128", (x) => {
      // (x & sign bit) | 1
      f.tee(x);
      f.v128(new Int32Array(4).fill(-0x80000000));
      f.op("v128.and");
      f.v128(new Float32Array(4).fill(1));
      f.op("v128.or");
      f.get(x);
      f.get(x);
      f.op("f32x4.abs");
      f.v128(new Float32Array(4));
      f.op("f32x4.gt");
      f.op("v128.bitselect");
    });
  } else emitIntegerSign(kind, scope);
}

/** (x >> 31) | (-x >>> 31) */
function emitIntegerSign(kind: Kind, scope: Scope): void {
  const { f } = scope;
  const vector = kind === "i32x4";
  scope.borrow(vector ? "v128" : "i32", (x) => {
    f.tee(x);
    f.i32(31);
    f.op(vector ? "i32x4.shr_s" : "i32.shr_s");
    if (!vector) f.i32(0);
    f.get(x);
    f.op(vector ? "i32x4.neg" : "i32.sub");
    f.i32(31);
    f.op(vector ? "i32x4.shr_u" : "i32.shr_u");
    f.op(vector ? "v128.or" : "i32.or");
  });
}

/** The remainder with the sign of the divisor; of integers by zero it is 0. */
export function emitMod(kind: Kind, scope: Scope): void {
  if (kind === "i32") emitIntegerMod(scope);
  else if (kind === "i32x4") perLane(scope, () => emitIntegerMod(scope));
  else if (kind === "f32" || kind === "f32x4") emitFloatMod(kind, scope);
  else internal(`mod of ${kind}`);
}

/** a - floor(a / b) * b */
function emitFloatMod(kind: "f32" | "f32x4", scope: Scope): void {
  const { f } = scope;
  const type = kind === "f32" ? "f32" : "v128";
  scope.borrow(type, (x) =>
    scope.borrow(type, (y) => {
      f.set(y);
      f.tee(x);
      f.get(x);
      f.get(y);
      f.op(`${kind}.div`);
      f.op(`${kind}.floor`);
      f.get(y);
      f.op(`${kind}.mul`);
      f.op(`${kind}.sub`);
    }),
  );
}

/** Two integers on the stack -> one. */
function emitIntegerMod(scope: Scope): void {
  const { f } = scope;
  scope.borrow("i32", (y) =>
    scope.borrow("i32", (r) => {
      // A divisor of zero becomes one: the instruction would trap.
      f.tee(y);
      f.get(y);
      f.op("i32.eqz");
      f.op("i32.or");
      f.op("i32.rem_s");
      f.tee(r);
      // + y where the signs of r and y differ and r is not zero
      f.get(y);
      f.i32(0);
      f.get(r);
      f.get(y);
      f.op("i32.xor");
      f.i32(0);
      f.op("i32.lt_s");
      f.get(r);
      f.i32(0);
      f.op("i32.ne");
      f.op("i32.and");
      f.op("select");
      f.op("i32.add");
    }),
  );
}

/** i32x4 shifts by a count of each lane; `shr` is unsigned. */
export function emitLaneShifts(fn: "shl" | "shr", scope: Scope): void {
  perLane(scope, () => scope.f.op(fn === "shl" ? "i32.shl" : "i32.shr_u"));
}

/** The larger or smaller of two i32. */
export function emitIntegerExtreme(fn: "max" | "min", scope: Scope): void {
  const { f } = scope;
  scope.borrow("i32", (a) =>
    scope.borrow("i32", (b) => {
      f.set(b);
      f.tee(a);
      f.get(b);
      f.get(a);
      f.get(b);
      f.op(fn === "max" ? "i32.gt_s" : "i32.lt_s");
      f.op("select");
    }),
  );
}

/** (x ^ m) - m with m = x >> 31 */
export function emitScalarAbs({ f, borrow }: Scope): void {
  borrow("i32", (x) => {
    f.tee(x);
    f.get(x);
    f.i32(31);
    f.op("i32.shr_s");
    f.op("i32.xor");
    f.get(x);
    f.i32(31);
    f.op("i32.shr_s");
    f.op("i32.sub");
  });
}

/** Applies a scalar function of two integers to the lanes of two vectors on the stack. */
function perLane(scope: Scope, apply: () => void): void {
  const { f } = scope;
  scope.borrow("v128", (x) =>
    scope.borrow("v128", (y) => {
      f.set(y);
      f.set(x);
      f.get(x);
      for (const lane of [0, 1, 2, 3]) {
        extract(f, x, lane);
        extract(f, y, lane);
        apply();
        f.lane("i32x4.replace_lane", lane);
      }
    }),
  );
}

function extract(f: FunctionBuilder, vector: number, lane: number): void {
  f.get(vector);
  f.lane("i32x4.extract_lane", lane);
}
