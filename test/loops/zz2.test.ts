import { test } from "vitest";
import { randomGraph, withGradients } from "../fuzz/graphs.ts";
import { cases } from "../ops/cases.ts";
import { graphOf as caseGraph } from "../ops/harness.ts";
import { agree, agreeWith } from "./agree.ts";
for (const [op, list] of Object.entries(cases)) for (const c of list) test(`${op}: ${c.name ?? ""}`, () => { agree(caseGraph(c), [c.dims ?? {}], {}); });
for (let seed = 0; seed < 5000; seed++) test(`random ${seed}`, () => { const { graph, args, dims } = randomGraph(seed, { depth: 2 }); agreeWith(graph, args, dims); });
for (let seed = 0; seed < 500; seed++) test(`grad ${seed}`, () => { const { graph, args, dims } = randomGraph(seed); agreeWith(withGradients(graph), args, dims); });
