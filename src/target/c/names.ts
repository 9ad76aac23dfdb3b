/** Names of C: identifiers made of the names of a program, no two alike, none of them a word of the language or of the header. */

const words = new Set(
  `auto bool break case char const continue default do double else enum extern false float for goto if inline int long
   register restrict return short signed sizeof static struct switch true typedef union unsigned void volatile while
   asm typeof net member status memcpy memset NULL NAN INFINITY INT32_MIN INT32_MAX ptrdiff_t int32_t uint32_t size_t
   signbit main`.split(/\s+/),
);

/** Functions and types of the header end like this, or begin with the name of the house. */
const ofTheHeader = /(^|_)(f32|i32|bool|u32)(x\d+)?(_|$)|_index$|_of_|^recurve|^RECURVE|^_/;

export class CNames {
  readonly #names = new Map<object, string>();
  readonly #taken = new Set<string>();

  /** The name of an object: made of `base` the first time. */
  of(object: object, base: string): string {
    const known = this.#names.get(object);
    if (known !== undefined) return known;
    const name = this.fresh(base);
    this.#names.set(object, name);
    return name;
  }

  /** `base` as an identifier; with a number behind it if that is taken. */
  fresh(base: string): string {
    const stem = identifier(base);
    let name = stem;
    for (let n = 2; this.#taken.has(name); n++) name = `${stem}_${n}`;
    this.#taken.add(name);
    return name;
  }
}

/** "lstm: matmul" -> lstm_matmul */
export function identifier(base: string): string {
  const plain = base.replace(/[^A-Za-z0-9]+/g, "_").replace(/^_+|_+$/g, "");
  const named = /^[A-Za-z]/.test(plain) ? plain : `x${plain}`;
  return words.has(named) || ofTheHeader.test(named) ? `${named}_` : named;
}
