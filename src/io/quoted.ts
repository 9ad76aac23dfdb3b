/** Names that come from files, as sentences hold them: quoted, on one line, and never longer than 80 characters. */

const longest = 80;

/** `"rnn.weight_ih_l0"`; what is longer ends in three dots, and control characters become spaces. */
export function quoted(name: string): string {
  return `"${shortened(name)}"`;
}

/** The same without the quotes. */
export function shortened(name: string): string {
  const cut = name.length > longest ? `${name.slice(0, longest - 3)}...` : name;
  return cut.replace(/\p{Cc}/gu, " ");
}

/** The first names of a list that may be long: `"a", "b" and 12 more`. */
export function someOf(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map(quoted).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
