/**
 * Puts the barriers into a program that a team runs. A statement that reads the thread's number does a share of its
 * work on each thread; every other statement is done by one thread alone. Threads meet before a statement that needs
 * what others made, or that changes what others still need. Long work of one thread that needs nothing of each other,
 * such as the two directions of a bidirectional layer with one row, is done by several threads at once. Not here:
 * dividing the work (lower/share.ts).
 */
import { barrier, binary, i32, ref, when } from "./build.ts";
import type { Buffer, Stmt, Team, Variable } from "./ir.ts";
import { readsOf, writesOf } from "./plan.ts";
import { expressions, visitExpression, visitStatements } from "./walk.ts";

/**
 * Rewrites the body of a program so that the threads of a team may run it together; undefined where only one would
 * have anything to do. `long` is what takes one thread long.
 */
export function meet(
  body: readonly Stmt[],
  team: Team,
  long: ReadonlySet<Stmt> = new Set(),
): readonly Stmt[] | undefined {
  const rounds = sideBySide(body, team, long);
  const others = rounds.length < body.length;
  return others || isDivided(body, team.index) ? new Meeting(team).block(rounds) : undefined;
}

/** Whether any statement does only a share of its work. */
function isDivided(body: readonly Stmt[], index: Variable): boolean {
  return body.some((s) => reads(s, index));
}

/** Who runs a statement: each thread its share, each thread all of it (it changes no memory), one thread, or all with barriers inside. */
type Manner = "share" | "each" | "alone" | "together";

/** The thread that does a statement, or all of them. */
type Owner = number | "all";

class Meeting {
  readonly #team: Team;
  /** What was read and written since the threads met last, and by whom. */
  #reads = new Map<Buffer, Owner>();
  #writes = new Map<Buffer, Owner>();
  #out: Stmt[] = [];
  /** Statements for one thread alone, not yet written. */
  #alone: { owner: number; statements: Stmt[] } = { owner: 0, statements: [] };

  constructor(team: Team) {
    this.#team = team;
  }

  /** Each round is one statement, or several for a thread each that need nothing of each other. */
  block(rounds: readonly (readonly Stmt[])[]): readonly Stmt[] {
    for (const round of rounds) {
      if (round.length === 1) this.#statement(round[0]);
      else this.#round(round);
    }
    this.#flush();
    return this.#out;
  }

  #round(statements: readonly Stmt[]): void {
    const touched = statements.map((s, owner) => ({ s, owner, read: readsOf(s), written: writesOf(s) }));
    if (touched.some(({ owner, read, written }) => this.#mustMeet(read, written, owner))) this.#meet();
    for (const { s, owner, read, written } of touched) this.#write(s, owner, read, written);
  }

  #statement(s: Stmt): void {
    const manner = this.#mannerOf(s);
    if (manner === "together") {
      this.#meet();
      this.#out.push(this.#loop(s as Stmt & { kind: "for" }));
      return;
    }
    const [read, written] = [readsOf(s), writesOf(s)];
    const owner = manner === "alone" ? 0 : "all";
    if (this.#mustMeet(read, written, owner)) this.#meet();
    this.#write(s, owner, read, written);
  }

  #write(s: Stmt, owner: Owner, read: ReadonlySet<Buffer>, written: ReadonlySet<Buffer>): void {
    note(this.#reads, read, owner);
    note(this.#writes, written, owner);
    if (owner === "all" || owner !== this.#alone.owner) this.#flush();
    if (owner === "all") this.#out.push(s);
    else {
      this.#alone.owner = owner;
      this.#alone.statements.push(s);
    }
  }

  #mannerOf(s: Stmt): Manner {
    if (s.kind === "let" || s.kind === "var" || s.kind === "set") return "each";
    if (s.kind !== "for") return reads(s, this.#team.index) ? "share" : "alone";
    return isDivided(s.body, this.#team.index) ? "together" : "alone";
  }

  /** A loop that all threads go through: they meet at the end of each round, and may meet inside of it. */
  #loop(s: Stmt & { kind: "for" }): Stmt {
    const inside = new Meeting(this.#team).block(s.body.map((inner) => [inner]));
    return { ...s, body: [...inside, barrier] };
  }

  #mustMeet(read: ReadonlySet<Buffer>, written: ReadonlySet<Buffer>, owner: Owner): boolean {
    const clashes = (done: ReadonlyMap<Buffer, Owner>, buffer: Buffer): boolean => {
      const before = done.get(buffer);
      return before !== undefined && (before === "all" || before !== owner);
    };
    return (
      [...read].some((buffer) => clashes(this.#writes, buffer)) ||
      [...written].some((buffer) => clashes(this.#writes, buffer) || clashes(this.#reads, buffer))
    );
  }

  #meet(): void {
    this.#flush();
    if (this.#reads.size + this.#writes.size > 0) this.#out.push(barrier);
    this.#reads = new Map();
    this.#writes = new Map();
  }

  /** Writes what one thread does alone. */
  #flush(): void {
    const { owner, statements } = this.#alone;
    if (statements.length > 0) this.#out.push(when(binary("equal", ref(this.#team.index), i32(owner)), statements));
    this.#alone = { owner: 0, statements: [] };
  }
}

/** What several threads have touched belongs to all. */
function note(done: Map<Buffer, Owner>, buffers: ReadonlySet<Buffer>, owner: Owner): void {
  for (const buffer of buffers) {
    const before = done.get(buffer);
    done.set(buffer, before === undefined || before === owner ? owner : "all");
  }
}

function reads(s: Stmt, variable: Variable): boolean {
  let found = false;
  visitStatements([s], (inner) => {
    for (const x of expressions(inner))
      visitExpression(x, (e) => {
        found ||= e.kind === "ref" && e.variable === variable;
      });
  });
  return found;
}

// ---- long work side by side ---------------------------------------------------------------------------------------

/** A statement with what it needs and what it makes. */
interface Piece {
  readonly statement: Stmt;
  readonly reads: ReadonlySet<Buffer | Variable>;
  readonly writes: ReadonlySet<Buffer | Variable>;
}

/**
 * Moves long pieces of work that do not need each other next to each other, with what they need in front of them.
 * Everything else stays in its order.
 */
function sideBySide(body: readonly Stmt[], team: Team, long: ReadonlySet<Stmt>): Stmt[][] {
  if (body.filter((s) => long.has(s)).length < 2) return body.map((s) => [s]);
  const rounds: Stmt[][] = [];
  let rest = body.map(pieceOf);
  while (rest.length > 0) {
    const [first, ...others] = rest;
    const { before, beside, after } = long.has(first.statement)
      ? besides(first, others, team.count - 1, long)
      : { before: [], beside: [], after: others };
    rounds.push(
      ...before.map((piece) => [piece.statement]),
      [first, ...beside].map((piece) => piece.statement),
    );
    rest = after;
  }
  return rounds;
}

/** What can run beside a piece, what must come before that, and what stays behind. */
function besides(
  first: Piece,
  others: readonly Piece[],
  threads: number,
  long: ReadonlySet<Stmt>,
): { before: Piece[]; beside: Piece[]; after: Piece[] } {
  const before: Piece[] = [];
  const beside: Piece[] = [];
  let after = [...others];
  for (const [at, piece] of others.entries()) {
    if (beside.length === threads) break;
    if (!long.has(piece.statement)) continue;
    const needed = neededBy(
      piece,
      others.slice(0, at).filter((other) => after.includes(other)),
    );
    const round = [first, ...beside];
    const apart = needed.every((moved) => !round.some((other) => clash(moved, other)));
    if (!apart || !round.every((other) => areApart(piece, other)) || needed.some((one) => long.has(one.statement)))
      continue;
    before.push(...needed);
    beside.push(piece);
    after = after.filter((other) => other !== piece && !needed.includes(other));
  }
  return { before, beside, after };
}

/** Of the pieces before one: those that it cannot go ahead of, with what these cannot go ahead of. */
function neededBy(piece: Piece, before: readonly Piece[]): Piece[] {
  const needed = [piece];
  for (const other of before.toReversed()) if (needed.some((later) => clash(other, later))) needed.unshift(other);
  return needed.slice(0, -1);
}

/** Whether two pieces must stay in their order. */
function clash(a: Piece, b: Piece): boolean {
  const meets = (xs: Piece["reads"], ys: Piece["reads"]): boolean => [...xs].some((x) => ys.has(x));
  return meets(a.writes, b.reads) || meets(a.writes, b.writes) || meets(a.reads, b.writes);
}

/** Whether two long pieces can run at once. What both write and neither reads is two parts of one joined result. */
function areApart(a: Piece, b: Piece): boolean {
  const touches = (x: Piece, y: Piece): boolean => [...x.writes].some((one) => y.reads.has(one));
  const twice = [...a.writes].some((one) => b.writes.has(one) && (a.reads.has(one) || b.reads.has(one)));
  return !touches(a, b) && !touches(b, a) && !twice;
}

function pieceOf(statement: Stmt): Piece {
  const reads = new Set<Buffer | Variable>(readsOf(statement));
  const writes = new Set<Buffer | Variable>(writesOf(statement));
  visitStatements([statement], (s) => {
    if (s.kind === "let" || s.kind === "var" || s.kind === "set") writes.add(s.variable);
    for (const x of expressions(s))
      visitExpression(x, (e) => {
        if (e.kind === "ref") reads.add(e.variable);
      });
  });
  return { statement, reads, writes };
}
