import { test } from "vitest";
import { graphOf } from "./agree.ts";
import { print } from "../../src/loops/print.ts";
import { lower } from "../../src/loops/lower/index.ts";
test("m", () => { console.log(print(lower(graphOf((g) => [g.add("neg", {}, [g.input("x", { dtype: "float32", shape: [3] })])])))); });
