/** Removes what a former build left, so that `dist` holds only what the sources make. */
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
