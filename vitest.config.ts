/** How the tests run: one pool of processes, sources straight from `src`, one closing line that machines can read. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: [["default", { summary: false }], "./test/reporter.ts"],
  },
});
