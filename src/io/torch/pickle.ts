/**
 * Pickles of Python, read without running anything: a machine for the instructions of protocols 0 to 5 that makes plain
 * data. What a pickle asks Python to import and call is looked up in a closed table of the caller's; all else is refused.
 */
import { FormatError, UnsupportedError } from "../../base/errors.ts";
import type { ByteReader } from "../bytes.ts";
import { shortened } from "../quoted.ts";

/** What a pickle can hold. Objects of the caller's table are `made`. */
export type Pickled<Made> =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickledList<Made>
  | PickledDict<Made>
  | PickledName
  | { readonly kind: "made"; readonly value: Made };

export interface PickledList<Made> {
  readonly kind: "list" | "tuple" | "set";
  readonly items: Pickled<Made>[];
}

export interface PickledDict<Made> {
  readonly kind: "dict";
  readonly entries: Map<Pickled<Made>, Pickled<Made>>;
}

/** Something that Python would import: `torch.FloatStorage`. Here it is only a name. */
export interface PickledName {
  readonly kind: "name";
  readonly name: string;
}

/** What a pickle may ask for. Both raise an error for what they do not know. */
export interface PickleRules<Made> {
  /** Whether a name may be imported at all; the error says what to do. */
  expectKnown(name: string): void;
  /** The call of a known name. */
  call(name: string, args: readonly Pickled<Made>[]): Pickled<Made>;
  /** What a persistent id stands for, such as a storage that lies elsewhere in the file. */
  persistent(id: Pickled<Made>): Pickled<Made>;
}

/** How many lists, dicts and objects one pickle may make: far above any model, far below the memory of a small machine. */
const mostObjects = 1_000_000;
/** Whole numbers of more bytes than this are no sizes, seeds or counts. */
const longestInteger = 32;

interface Machine<Made> {
  readonly reader: ByteReader;
  readonly rules: PickleRules<Made>;
  readonly stack: Pickled<Made>[];
  /** Heights of the stack at which a list of arguments begins. */
  readonly marks: number[];
  readonly memo: Map<number, Pickled<Made>>;
  objects: number;
}

type Instruction = <Made>(machine: Machine<Made>) => void;

/** Reads one pickle; the reader then stands behind its end. */
export function readPickle<Made>(reader: ByteReader, rules: PickleRules<Made>): Pickled<Made> {
  const machine: Machine<Made> = { reader, rules, stack: [], marks: [], memo: new Map(), objects: 0 };
  for (;;) {
    const code = reader.u8();
    if (code === 0x2e) return pop(machine);
    const instruction = instructions.get(code);
    if (instruction === undefined) {
      throw refused(reader, "an instruction of pickle protocols 0 to 5", `the byte ${code} at ${reader.at - 1}`);
    }
    instruction(machine);
  }
}

/** By their codes; the names in Python's pickletools are beside them. */
const instructions: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  [0x80, (m) => expectProtocol(m)], // PROTO
  [0x95, (m) => void m.reader.size()], // FRAME
  [0x28, (m) => void m.marks.push(m.stack.length)], // MARK
  [0x30, (m) => void pop(m)], // POP
  [0x31, (m) => void popMarked(m)], // POP_MARK
  [0x32, (m) => push(m, top(m))], // DUP
  // Constants and numbers
  [0x4e, (m) => push(m, null)], // NONE
  [0x88, (m) => push(m, true)], // NEWTRUE
  [0x89, (m) => push(m, false)], // NEWFALSE
  [0x49, (m) => push(m, readDecimal(m))], // INT
  [0x4c, (m) => push(m, readDecimal(m))], // LONG
  [0x46, (m) => push(m, readFloat(m))], // FLOAT
  [0x4a, (m) => push(m, m.reader.i32())], // BININT
  [0x4b, (m) => push(m, m.reader.u8())], // BININT1
  [0x4d, (m) => push(m, m.reader.u16())], // BININT2
  [0x8a, (m) => push(m, readInteger(m, m.reader.u8()))], // LONG1
  [0x8b, (m) => push(m, readInteger(m, m.reader.size(4)))], // LONG4
  [0x47, (m) => push(m, readBigEndianDouble(m))], // BINFLOAT
  // Text and bytes
  [0x53, (m) => push(m, readQuoted(m))], // STRING
  [0x54, (m) => push(m, latin1(m.reader.take(m.reader.size(4))))], // BINSTRING
  [0x55, (m) => push(m, latin1(m.reader.take(m.reader.u8())))], // SHORT_BINSTRING
  [0x56, (m) => push(m, readLine(m))], // UNICODE
  [0x58, (m) => push(m, m.reader.text(m.reader.size(4)))], // BINUNICODE
  [0x8c, (m) => push(m, m.reader.text(m.reader.u8()))], // SHORT_BINUNICODE
  [0x8d, (m) => push(m, m.reader.text(m.reader.size()))], // BINUNICODE8
  [0x42, (m) => push(m, m.reader.take(m.reader.size(4)))], // BINBYTES
  [0x43, (m) => push(m, m.reader.take(m.reader.u8()))], // SHORT_BINBYTES
  [0x8e, (m) => push(m, m.reader.take(m.reader.size()))], // BINBYTES8
  [0x96, (m) => push(m, m.reader.take(m.reader.size()))], // BYTEARRAY8
  // Containers
  [0x5d, (m) => push(m, makeList(m, "list", []))], // EMPTY_LIST
  [0x6c, (m) => push(m, makeList(m, "list", popMarked(m)))], // LIST
  [0x61, (m) => appendItems(m, [pop(m)])], // APPEND
  [0x65, (m) => appendItems(m, popMarked(m))], // APPENDS
  [0x29, (m) => push(m, makeList(m, "tuple", []))], // EMPTY_TUPLE
  [0x74, (m) => push(m, makeList(m, "tuple", popMarked(m)))], // TUPLE
  [0x85, (m) => push(m, makeList(m, "tuple", popCount(m, 1)))], // TUPLE1
  [0x86, (m) => push(m, makeList(m, "tuple", popCount(m, 2)))], // TUPLE2
  [0x87, (m) => push(m, makeList(m, "tuple", popCount(m, 3)))], // TUPLE3
  [0x7d, (m) => push(m, makeDict(m, []))], // EMPTY_DICT
  [0x64, (m) => push(m, makeDict(m, popMarked(m)))], // DICT
  [0x73, (m) => setItems(m, popCount(m, 2))], // SETITEM
  [0x75, (m) => setItems(m, popMarked(m))], // SETITEMS
  [0x8f, (m) => push(m, makeList(m, "set", []))], // EMPTY_SET
  [0x90, (m) => appendItems(m, popMarked(m))], // ADDITEMS
  [0x91, (m) => push(m, makeList(m, "set", popMarked(m)))], // FROZENSET
  // Names and calls
  [0x63, (m) => pushName(m, readLine(m), readLine(m))], // GLOBAL
  [0x93, (m) => pushStackName(m)], // STACK_GLOBAL
  [0x52, (m) => reduce(m, popCount(m, 2))], // REDUCE
  [0x81, (m) => reduce(m, popCount(m, 2))], // NEWOBJ
  [0x92, (m) => reduceNamed(m, popCount(m, 3))], // NEWOBJ_EX
  [0x69, (m) => instantiate(m)], // INST
  [0x6f, (m) => callMarked(m, popMarked(m))], // OBJ
  [0x62, (m) => build(m, pop(m))], // BUILD
  [0x50, (m) => push(m, m.rules.persistent(readLine(m)))], // PERSID
  [0x51, (m) => push(m, m.rules.persistent(pop(m)))], // BINPERSID
  // The memo
  [0x70, (m) => remember(m, Number(readLine(m)))], // PUT
  [0x71, (m) => remember(m, m.reader.u8())], // BINPUT
  [0x72, (m) => remember(m, m.reader.u32())], // LONG_BINPUT
  [0x94, (m) => remember(m, m.memo.size)], // MEMOIZE
  [0x67, (m) => recall(m, Number(readLine(m)))], // GET
  [0x68, (m) => recall(m, m.reader.u8())], // BINGET
  [0x6a, (m) => recall(m, m.reader.u32())], // LONG_BINGET
]);

function expectProtocol({ reader }: Machine<unknown>): void {
  const protocol = reader.u8();
  if (protocol > 5) throw refused(reader, "a pickle of protocol 5 or older", `protocol ${protocol}`);
}

function push<Made>({ stack }: Machine<Made>, value: Pickled<Made>): void {
  stack.push(value);
}

function pop<Made>(machine: Machine<Made>): Pickled<Made> {
  const value = top(machine);
  machine.stack.pop();
  return value;
}

function top<Made>({ stack, marks, reader }: Machine<Made>): Pickled<Made> {
  const value = stack.at(-1);
  if (value === undefined || stack.length <= (marks.at(-1) ?? 0)) throw refused(reader, "a value on the stack", "none");
  return value;
}

function popCount<Made>(machine: Machine<Made>, count: number): Pickled<Made>[] {
  const values = Array.from({ length: count }, () => pop(machine));
  return values.reverse();
}

function popMarked<Made>({ stack, marks, reader }: Machine<Made>): Pickled<Made>[] {
  const mark = marks.pop();
  if (mark === undefined) throw refused(reader, "a mark on the stack", "none");
  return stack.splice(mark);
}

function makeList<Made>(machine: Machine<Made>, kind: "list" | "tuple" | "set", items: Pickled<Made>[]) {
  countObject(machine);
  return { kind, items };
}

function makeDict<Made>(machine: Machine<Made>, pairs: readonly Pickled<Made>[]): PickledDict<Made> {
  countObject(machine);
  const dict: PickledDict<Made> = { kind: "dict", entries: new Map() };
  addPairs(machine, dict, pairs);
  return dict;
}

function countObject(machine: Machine<unknown>): void {
  machine.objects++;
  if (machine.objects > mostObjects) throw refused(machine.reader, `at most ${mostObjects} objects`, "more");
}

function appendItems<Made>(machine: Machine<Made>, items: readonly Pickled<Made>[]): void {
  const list = top(machine);
  if (!isList(list) || list.kind === "tuple") throw refused(machine.reader, "a list to append to", "something else");
  for (const item of items) list.items.push(item);
}

function setItems<Made>(machine: Machine<Made>, pairs: readonly Pickled<Made>[]): void {
  const dict = top(machine);
  if (!isDict(dict)) throw refused(machine.reader, "a dict to add to", "something else");
  addPairs(machine, dict, pairs);
}

function addPairs<Made>(
  { reader }: Machine<Made>,
  { entries }: PickledDict<Made>,
  pairs: readonly Pickled<Made>[],
): void {
  if (pairs.length % 2 !== 0) throw refused(reader, "a value for each key", "a key without a value");
  for (let i = 0; i < pairs.length; i += 2) entries.set(pairs[i], pairs[i + 1]);
}

function pushName<Made>(machine: Machine<Made>, module: string, name: string): void {
  const full = `${module}.${name}`;
  machine.rules.expectKnown(full);
  push(machine, { kind: "name", name: full });
}

function pushStackName<Made>(machine: Machine<Made>): void {
  const [module, name] = popCount(machine, 2);
  if (typeof module !== "string" || typeof name !== "string") throw refused(machine.reader, "a name", "something else");
  pushName(machine, module, name);
}

function reduce<Made>(machine: Machine<Made>, [callee, args]: readonly Pickled<Made>[]): void {
  if (!isName(callee)) throw refused(machine.reader, "a name to call", "something else");
  if (!isList(args)) throw refused(machine.reader, `arguments for ${shortened(callee.name)}`, "something else");
  countObject(machine);
  push(machine, machine.rules.call(callee.name, args.items));
}

/** With arguments by name, of which the known calls have none. */
function reduceNamed<Made>(machine: Machine<Made>, [callee, args, named]: readonly Pickled<Made>[]): void {
  if (!isDict(named) || named.entries.size > 0) throw refused(machine.reader, "no arguments by name", "some");
  reduce(machine, [callee, args]);
}

function instantiate<Made>(machine: Machine<Made>): void {
  const name = `${readLine(machine)}.${readLine(machine)}`;
  machine.rules.expectKnown(name);
  countObject(machine);
  push(machine, machine.rules.call(name, popMarked(machine)));
}

function callMarked<Made>(machine: Machine<Made>, [callee, ...args]: readonly Pickled<Made>[]): void {
  reduce(machine, [callee ?? null, makeList(machine, "tuple", args)]);
}

/** What Python sets as attributes of an object: known only for dicts, where they are notes (`_metadata`) that nobody needs. */
function build<Made>(machine: Machine<Made>, _state: Pickled<Made>): void {
  const target = top(machine);
  if (isDict(target)) return;
  throw new UnsupportedError(
    `${machine.reader.where}: expected tensors, lists, dicts and plain values, got an object with attributes of its own. Save model.state_dict() instead: torch.save(model.state_dict(), path).`,
  );
}

function remember<Made>(machine: Machine<Made>, place: number): void {
  if (!Number.isSafeInteger(place) || place < 0) throw refused(machine.reader, "a place in the memo", "something else");
  machine.memo.set(place, top(machine));
}

function recall<Made>(machine: Machine<Made>, place: number): void {
  const value = machine.memo.get(place);
  if (value === undefined) throw refused(machine.reader, "a place in the memo that was filled", "an empty one");
  push(machine, value);
}

function readLine({ reader }: Machine<unknown>): string {
  const end = reader.bytes.indexOf(0x0a, reader.at);
  if (end < 0 || end - reader.at > 10_000) throw refused(reader, "a line of text", "one without an end");
  const line = reader.text(Math.min(end - reader.at, reader.left));
  reader.skip(1);
  return line;
}

/** INT and LONG; `01` and `00` are true and false. */
function readDecimal(machine: Machine<unknown>): boolean | number | bigint {
  const line = readLine(machine);
  if (line === "01" || line === "00") return line === "01";
  if (/^[+-]?\d{1,40}L?$/.test(line)) return narrowed(BigInt(line.replace("L", "")));
  throw refused(machine.reader, "a whole number", "other text");
}

function readFloat(machine: Machine<unknown>): number {
  const line = readLine(machine).trim();
  const words: Readonly<Record<string, number>> = { inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY };
  if (Object.hasOwn(words, line)) return words[line];
  const value = line === "" ? Number.NaN : Number(line);
  if (Number.isNaN(value) && line !== "nan") throw refused(machine.reader, "a number", "other text");
  return value;
}

/** Two's complement, little-endian. */
function readInteger({ reader }: Machine<unknown>, length: number): number | bigint {
  if (length > longestInteger) throw refused(reader, `a whole number of at most ${longestInteger} bytes`, `${length}`);
  let value = 0n;
  for (const byte of reader.take(length).toReversed()) value = value * 256n + BigInt(byte);
  return narrowed(BigInt.asIntN(8 * length, value));
}

function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function readBigEndianDouble({ reader }: Machine<unknown>): number {
  const bytes = reader.take(8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
}

/** Text of Python 2, between quotes. */
function readQuoted(machine: Machine<unknown>): string {
  const line = readLine(machine);
  const inside = /^(['"])(.*)\1$/.exec(line);
  if (inside === null) throw refused(machine.reader, "text between quotes", "other text");
  return inside[2];
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

export function isList<Made>(value: Pickled<Made>): value is PickledList<Made> {
  return isKind(value, "list", "tuple", "set");
}

export function isDict<Made>(value: Pickled<Made>): value is PickledDict<Made> {
  return isKind(value, "dict");
}

export function isName<Made>(value: Pickled<Made>): value is PickledName {
  return isKind(value, "name");
}

function isKind<Made>(value: Pickled<Made>, ...kinds: readonly string[]): boolean {
  return typeof value === "object" && value !== null && "kind" in value && kinds.includes(value.kind);
}

function refused({ where }: ByteReader, expected: string, got: string): FormatError {
  return new FormatError(
    `${where}: expected ${expected} in its pickle, got ${got}. The file is damaged; save or download it again.`,
    { expected, got },
  );
}
