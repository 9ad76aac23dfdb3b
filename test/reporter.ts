/** The last lines of a test run: what was skipped and why, then one line of counts. Not a replacement of the default reporter. */
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    const skipped: string[] = [];
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const result = test.result();
        counts[result.state]++;
        if (result.state === "skipped") skipped.push(`  ${test.fullName}: ${result.note ?? "no reason given"}`);
      }
    }
    if (skipped.length > 0) console.log(`\nSkipped, with the reason:\n${skipped.join("\n")}`);
    console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
