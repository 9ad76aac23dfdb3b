/** The table that sets a model beside the yardsticks, with bars whose length is the bits per character. */
import { lineWidth, padText, type Terminal } from "../terminal.ts";
import type { TrainingResult } from "./watcher.ts";

const barSize = 14;

/** Lines, worst method first; the model's own row stands out. */
export function yardstickTable(
  { yardsticks, bitsPerCharacter, name }: Pick<TrainingResult, "yardsticks" | "bitsPerCharacter" | "name">,
  { colors, out }: Pick<Terminal, "colors" | "out">,
): string[] {
  const own = { name, how: "trained", bitsPerCharacter };
  const rows = [...yardsticks, own].sort((a, b) => b.bitsPerCharacter - a.bitsPerCharacter);
  const most = rows[0].bitsPerCharacter;
  const names = Math.max(...rows.map((row) => row.name.length));
  return rows.map((row) => {
    const bar = "█".repeat(Math.max(1, Math.round((row.bitsPerCharacter / most) * barSize)));
    const paint = row === own ? colors.green : colors.dim;
    const left = `  ${padText(row.name, names)}  ${row.bitsPerCharacter.toFixed(3)}  `;
    const room = lineWidth(out) - names - barSize - 13;
    const how = row.how.length <= room ? row.how : "";
    return `${row === own ? colors.bold(left) : left}${paint(padText(bar, barSize))}  ${colors.dim(how)}`.trimEnd();
  });
}
