// NOTE TO HELPER C (from the lead, 18:49): helper M is writing this file, scripts/fit-math.mjs and test/loops/math.test.ts
// right now, so that you can stay on lower/. Please do not write math.ts; use `decompose(program): Program` from here.
import type { Program } from "./ir.ts";
export function decompose(program: Program): Program {
  return program;
}
