/** docs/features.md says what the code has. Update: `npm run golden`. */
import { expect, test } from "vitest";
import { features } from "../../scripts/features.ts";

test("the page of features is what the code has", async () => {
  await expect(features()).toMatchFileSnapshot("../../docs/features.md");
});
