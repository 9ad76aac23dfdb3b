/** Every case of every op, run as everything a graph can be run as. */
import { describe, expect, test } from "vitest";
import { interpretRules } from "../../src/graph/interpret.ts";
import { cases } from "./cases.ts";
import { checkGradients, checkReference, checkTarget } from "./harness.ts";
import { targets } from "./targets.ts";

test("every op has at least one case", () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(interpretRules).sort());
  for (const list of Object.values(cases)) expect(list.length).toBeGreaterThan(0);
});

for (const [op, list] of Object.entries(cases)) {
  describe(op, () => {
    for (const each of list) {
      test(`${each.name}: means what the reference says`, () => checkReference(each));
      test(`${each.name}: gradients equal finite differences`, () => checkGradients(each));
      for (const target of targets)
        test(`${each.name}: ${target.name} equals the interpreter`, () => checkTarget(each, target));
    }
  });
}
