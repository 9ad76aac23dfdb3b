/** What Recurve writes for other programs is what those programs have opened. */
import { written as keras } from "./keras/written.ts";
import { written as torch } from "./torch/written.ts";
import { testVerified } from "./verified.ts";

testVerified("keras", keras);
testVerified("torch", async () => torch());
