/** Types of files.mjs. */
export function readFiles(
  recurve: object,
  formats: object,
  read: (file: string) => Promise<Uint8Array>,
): Promise<Readonly<Record<string, { format: string; outputs: readonly number[][]; again: readonly number[][] }>>>;
