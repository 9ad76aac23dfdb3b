/**
 * Where scratch memory lies. `lifetimes` says once per program which temporaries are needed at the same time;
 * `layout` places them in one arena for the sizes of a call: first fit, the largest first.
 */
import { type DimValues, evaluateDim } from "../base/dims.ts";
import { bytesPerElement } from "../base/dtypes.ts";
import { writesInPlace } from "./inPlace.ts";
import type { Buffer, Expr, Program, Stmt } from "./ir.ts";
import { expressions, visitExpression, visitStatements } from "./walk.ts";

/**
 * Positions of the first and last use, counting kernels and statements outside of kernels in order. Threads of a team
 * are at the same place only where they meet: there, what counts is the barriers.
 */
export interface Lifetime {
  readonly first: number;
  readonly last: number;
  /**
   * Positions among the program's buffers of those with which it may share one place though a kernel needs both: the
   * kernel writes each element of the one where it has read that element of the other for the last time.
   */
  readonly partners?: readonly number[];
}

export interface Layout {
  readonly bytes: number;
  /** Byte offset of each temporary, a multiple of 64. */
  readonly offsets: ReadonlyMap<Buffer, number>;
}

/** A line of the cache. */
const alignment = 64;

/** The lifetime of each temporary of a program, in the order of its buffers. */
export function lifetimes(program: Program): ReadonlyMap<Buffer, Lifetime> {
  const walk: Walk = { position: 0, team: program.team !== undefined, statements: new Map() };
  const uses = usesIn(program.body, walk);
  const temps = program.buffers.filter((b) => b.role.kind === "temp");
  const lives = new Map(temps.map((b) => [b, uses.get(b) ?? { first: 0, last: 0, readFirst: false }]));
  const partners = partnersIn(program, lives, walk.statements);
  return new Map(
    temps.map((b) => {
      const { first, last } = lives.get(b) as Use;
      const found = partners.get(b)?.map((other) => program.buffers.indexOf(other));
      return [b, { first, last, ...(found && { partners: found }) }];
    }),
  );
}

interface Use {
  first: number;
  last: number;
  /** Whether the first use may read what was there before. */
  readFirst: boolean;
}

interface Walk {
  position: number;
  readonly team: boolean;
  /** The statements at each position, without loops: one, or in a program of a team all up to the next barrier. */
  readonly statements: Map<number, Stmt[]>;
}

/** The position of a statement, or of the end of a loop. A loop that a team goes through begins and ends with a barrier. */
function next(walk: Walk, s: Stmt): number {
  return walk.team && s.kind !== "for" ? walk.position : walk.position++;
}

/** The uses in a list of statements. A buffer that outlives an iteration of a loop is in use for the whole loop. */
function usesIn(body: readonly Stmt[], walk: Walk): Map<Buffer, Use> {
  const found = new Map<Buffer, Use>();
  const spans: { start: number; end: number; inner: Map<Buffer, Use> }[] = [];
  for (const s of body) {
    if (s.kind === "barrier") walk.position++;
    const start = next(walk, s);
    if (s.kind !== "for") put(walk.statements, start, s);
    const inner = s.kind === "for" ? usesIn(s.body, walk) : usesOf(s, start);
    const end = next(walk, s);
    if (s.kind === "for") spans.push({ start, end, inner });
    for (const [buffer, use] of inner) merge(found, buffer, use);
  }
  for (const { start, end, inner } of spans) {
    for (const [buffer, use] of inner) {
      const all = found.get(buffer) as Use;
      if (use.readFirst || all.first < start || all.last > end)
        merge(found, buffer, { first: start, last: end, readFirst: false });
    }
  }
  return found;
}

function usesOf(s: Stmt, position: number): Map<Buffer, Use> {
  const found = new Map<Buffer, Use>();
  for (const buffer of readsOf(s)) found.set(buffer, { first: position, last: position, readFirst: true });
  for (const buffer of writesOf(s))
    if (!found.has(buffer)) found.set(buffer, { first: position, last: position, readFirst: false });
  return found;
}

function merge(into: Map<Buffer, Use>, buffer: Buffer, use: Use): void {
  const known = into.get(buffer);
  if (known === undefined) into.set(buffer, { ...use });
  else {
    known.first = Math.min(known.first, use.first);
    known.last = Math.max(known.last, use.last);
  }
}

/** The buffers that a statement, with all inside it, reads. */
export function readsOf(s: Stmt): ReadonlySet<Buffer> {
  return touchedBy(s).reads;
}

/** The buffers that a statement, with all inside it, writes. */
export function writesOf(s: Stmt): ReadonlySet<Buffer> {
  return touchedBy(s).writes;
}

interface Touched {
  readonly reads: Set<Buffer>;
  readonly writes: Set<Buffer>;
}

/** Statements never change, and several analyses ask for what they touch. */
const touched = new WeakMap<Stmt, Touched>();

function touchedBy(s: Stmt): Touched {
  const before = touched.get(s);
  if (before !== undefined) return before;
  const found: Touched = { reads: new Set(), writes: new Set() };
  const seen = new Set<Expr>();
  const collect = (e: Expr): void => {
    if (e.kind === "load") found.reads.add(e.buffer);
  };
  visitStatements([s], (inner) => {
    if (inner.kind === "copy") found.reads.add(inner.from);
    if (inner.kind === "store" || inner.kind === "fill") found.writes.add(inner.buffer);
    if (inner.kind === "copy") found.writes.add(inner.to);
    for (const x of expressions(inner)) visitExpression(x, collect, seen);
  });
  touched.set(s, found);
  return found;
}

/** The pairs of temporaries of which a kernel writes the one in the place of the other. */
function partnersIn(
  { team }: Program,
  lives: ReadonlyMap<Buffer, Lifetime>,
  statements: ReadonlyMap<number, readonly Stmt[]>,
): Map<Buffer, Buffer[]> {
  const [ending, beginning] = [new Map<number, Buffer[]>(), new Map<number, Buffer[]>()];
  for (const [buffer, { first, last }] of lives) {
    if (first === last) continue;
    put(beginning, first, buffer);
    put(ending, last, buffer);
  }
  const partners = new Map<Buffer, Buffer[]>();
  for (const [at, begun] of beginning) {
    for (const to of begun) {
      for (const from of ending.get(at) ?? []) {
        const kernel = onlyUser(statements.get(at) ?? [], from, to);
        if (kernel === undefined || !writesInPlace(kernel.body, from, to, team?.index)) continue;
        put(partners, from, to);
        put(partners, to, from);
      }
    }
  }
  return partners;
}

/** Of statements that run at a time: the kernel that alone uses `from`, and is the first to use `to`. */
function onlyUser(statements: readonly Stmt[], from: Buffer, to: Buffer): (Stmt & { kind: "kernel" }) | undefined {
  const uses = (buffer: Buffer) => (s: Stmt) => readsOf(s).has(buffer) || writesOf(s).has(buffer);
  const [one, ...others] = statements.filter(uses(from));
  const fits = one?.kind === "kernel" && others.length === 0 && statements.find(uses(to)) === one;
  return fits ? one : undefined;
}

function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

const known = new WeakMap<Program, readonly { buffer: Buffer; life: Lifetime }[]>();

/** Places the temporaries for the sizes of one call. */
export function layout(program: Program, dims: DimValues): Layout {
  const temps = livesOf(program).map(({ buffer, life }) => {
    const bytes = evaluateDim(buffer.size, dims) * bytesPerElement;
    return { buffer, life, bytes: Math.ceil(bytes / alignment) * alignment };
  });
  temps.sort((a, b) => b.bytes - a.bytes);
  const offsets = new Map<Buffer, number>();
  /** By offset. */
  const placed: Placed[] = [];
  let total = 0;
  for (const { buffer, life, bytes } of temps) {
    const rivals = placed.filter((other) => other.life.first <= life.last && life.first <= other.life.last);
    const partners = new Set(life.partners?.map((i) => program.buffers[i]));
    const offset = placeOf(bytes, rivals, partners);
    const end = offset + bytes;
    offsets.set(buffer, offset);
    let at = placed.length;
    while (at > 0 && placed[at - 1].offset > offset) at--;
    placed.splice(at, 0, { buffer, offset, end, life });
    total = Math.max(total, end);
  }
  return { bytes: total, offsets };
}

interface Placed {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
  readonly life: Lifetime;
}

/** The first gap between `rivals` (by offset) that holds so many bytes, or the place of a partner where that is lower. */
function placeOf(bytes: number, rivals: readonly Placed[], partners: ReadonlySet<Buffer>): number {
  let first = 0;
  for (const rival of rivals) {
    if (rival.offset >= first + bytes) break;
    first = Math.max(first, rival.end);
  }
  if (partners.size === 0) return first;
  const shared = rivals.find(({ buffer, offset, end }) => {
    const free = rivals.every((other) => other.buffer === buffer || other.offset >= end || other.end <= offset);
    return partners.has(buffer) && end - offset === bytes && free;
  });
  return Math.min(first, shared?.offset ?? first);
}

/** Says the lifetimes of a program whose statements are not there, having been kept without them. */
export function recallLifetimes(program: Program, lives: ReadonlyMap<Buffer, Lifetime>): void {
  known.set(
    program,
    [...lives].map(([buffer, life]) => ({ buffer, life })),
  );
}

/** Lifetimes are the same in every call; a program that is gone takes them with it. */
function livesOf(program: Program): readonly { buffer: Buffer; life: Lifetime }[] {
  let lives = known.get(program);
  if (lives === undefined) {
    lives = [...lifetimes(program)].map(([buffer, life]) => ({ buffer, life }));
    known.set(program, lives);
  }
  return lives;
}
