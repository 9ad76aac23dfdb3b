/** Every operator that is evaluated, by name. */
import type { Rule } from "../evaluate.ts";
import type { OnnxNode } from "../messages.ts";
import { controlRules } from "./control.ts";
import { elementwiseRules } from "./elementwise.ts";
import { moveRules } from "./move.ts";
import { placesRules } from "./places.ts";
import { productRules } from "./product.ts";
import { recurrentRules } from "./recurrent.ts";
import { reduceRules } from "./reduce.ts";
import { sequenceRules } from "./sequence.ts";
import { shapeRules } from "./shape.ts";

const families = [
  elementwiseRules,
  shapeRules,
  moveRules,
  placesRules,
  reduceRules,
  productRules,
  recurrentRules,
  controlRules,
  sequenceRules,
];

const rules: ReadonlyMap<string, Rule> = new Map(families.flatMap((family) => Object.entries(family)));

/** The rule of a node's operator; undefined for one that Recurve has not. */
export function ruleOf({ domain, opType }: OnnxNode): Rule | undefined {
  return domain === "" || domain === "ai.onnx" ? rules.get(opType) : undefined;
}
