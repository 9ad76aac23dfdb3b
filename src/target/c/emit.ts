/**
 * The C target: a loop program as C11 with vector extensions. The artefact keeps apart the header that all networks
 * share, the network itself, and the glue to the runtime's memory.
 */

import { sizesOf } from "../../loops/collect.ts";
import type { Lanes, Program } from "../../loops/ir.ts";
import { visitExpressions } from "../../loops/walk.ts";
import type { CArtefact, Emit } from "../target.ts";
import { contract } from "./contract.ts";
import { withoutPowers } from "./functions.ts";
import { glueText } from "./glue.ts";
import { writeNetwork } from "./network.ts";
import { withoutUnused } from "./unused.ts";
import { headerText } from "./vectors.ts";

/** Spells a program. Functions that machines lack become functions of C, whether or not they were decomposed before. */
export const emitC: Emit<CArtefact> = (given) => {
  const body = withoutUnused(contract(withoutPowers(given)));
  const program = { ...body, sizes: sizesOf(body.body) };
  const network = writeNetwork(program);
  return {
    kind: "c",
    header: headerText(widthsOf(program)),
    source: network.text,
    glue: glueText(program, network),
    program: { ...given, sizes: program.sizes },
  };
};

function widthsOf({ body }: Program): Lanes[] {
  const found = new Set<Lanes>();
  visitExpressions(body, (x) => found.add(x.type.lanes));
  return [...found].sort((a, b) => a - b);
}
