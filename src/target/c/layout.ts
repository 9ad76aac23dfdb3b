/** Lines of C: indentation, and long lines broken where they are nested least. */

const widest = 110;

/** The lines one level deeper. */
export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : `    ${line}`));
}

/** Breaks a line that is too long, behind commas and before operators. */
export function breakLine(line: string): string[] {
  if (line.length <= widest) return [line];
  const margin = /^ */.exec(line)?.[0] ?? "";
  const at = bestBreak(line, margin.length);
  if (at === undefined) return [line];
  const rest = breakRest(`${margin}    ${line.slice(at).trimStart()}`, `${margin}    `);
  return [line.slice(0, at).trimEnd(), ...rest];
}

/** The further parts of a broken line keep one margin. */
function breakRest(line: string, margin: string): string[] {
  if (line.length <= widest) return [line];
  const at = bestBreak(line, margin.length);
  if (at === undefined) return [line];
  return [line.slice(0, at).trimEnd(), ...breakRest(margin + line.slice(at).trimStart(), margin)];
}

/** The last place at which the text is nested least. */
function bestBreak(line: string, margin: number): number | undefined {
  let depth = 0;
  let best: { at: number; depth: number } | undefined;
  for (let i = margin; i < Math.min(line.length, widest); i++) {
    if ("([{".includes(line[i])) depth++;
    if (")]}".includes(line[i])) depth--;
    const at = placeToBreak(line, i);
    if (at === undefined || at < margin + 20) continue;
    if (best === undefined || depth <= best.depth) best = { at, depth };
  }
  return best?.at;
}

function placeToBreak(line: string, i: number): number | undefined {
  if (line[i] === "," && line[i + 1] === " ") return i + 1;
  return /^ (\+|-|\*|\/|&&|\|\||\?|:) /.test(line.slice(i, i + 4)) ? i : undefined;
}
