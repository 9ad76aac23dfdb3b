/**
 * Training and held-out text. The last part of every file is held out, cut at the end of a line where one is near,
 * so that both parts have the same kinds of files in them.
 */
import type { TextFile } from "./read.ts";

export interface SplitText {
  readonly training: string;
  readonly heldOut: string;
}

/** `fraction` of each file's characters, from its end, is held out. Files follow one another without a mark. */
export function splitTexts(files: readonly TextFile[], fraction: number): SplitText {
  const parts = files.map(({ text }) => {
    const cut = cutAt(text, Math.floor(text.length * (1 - fraction)));
    return { head: text.slice(0, cut), tail: text.slice(cut) };
  });
  return { training: parts.map(({ head }) => head).join(""), heldOut: parts.map(({ tail }) => tail).join("") };
}

/** The first line end at or after `position`, unless the next one is far; never inside a surrogate pair. */
function cutAt(text: string, position: number): number {
  const lineEnd = text.indexOf("\n", Math.max(0, position - 1)) + 1;
  if (lineEnd > 0 && lineEnd < text.length && lineEnd - position < 200) return lineEnd;
  const isInsidePair = text.charCodeAt(position) >> 10 === 0x37 && text.charCodeAt(position - 1) >> 10 === 0x36;
  return isInsidePair ? position + 1 : position;
}
