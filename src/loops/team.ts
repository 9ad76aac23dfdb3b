/**
 * Puts the barriers into a program that a team runs. A statement that reads the thread's number does a share of its
 * work on each thread; every other statement is done by one thread alone. Threads meet before a statement that needs
 * what others made, or that changes what others still need. Not here: dividing the work (lower/share.ts).
 */
import { barrier, binary, i32, ref, when } from "./build.ts";
import type { Buffer, Stmt, Team, Variable } from "./ir.ts";
import { readsOf, writesOf } from "./plan.ts";
import { expressions, visitExpression, visitStatements } from "./walk.ts";

/** Rewrites the body of a program so that the threads of a team may run it together. */
export function meet(body: readonly Stmt[], team: Team): readonly Stmt[] {
  return new Meeting(team).block(body);
}

/** Whether any statement does only a share of its work. */
export function isDivided(body: readonly Stmt[], index: Variable): boolean {
  return body.some((s) => reads(s, index));
}

/** Who runs a statement: each thread its share, each thread all of it (it changes no memory), one thread, or all with barriers inside. */
type Manner = "share" | "each" | "alone" | "together";

class Meeting {
  readonly #team: Team;
  /** What was read and written since the threads met last, and whether by one thread alone. */
  #reads = new Map<Buffer, boolean>();
  #writes = new Map<Buffer, boolean>();
  #out: Stmt[] = [];
  /** Statements for the first thread alone, not yet written. */
  #alone: Stmt[] = [];

  constructor(team: Team) {
    this.#team = team;
  }

  block(body: readonly Stmt[]): readonly Stmt[] {
    for (const s of body) this.#statement(s);
    this.#flush();
    return this.#out;
  }

  #statement(s: Stmt): void {
    const manner = this.#mannerOf(s);
    if (manner === "together") {
      this.#meet();
      this.#out.push(this.#loop(s as Stmt & { kind: "for" }));
      return;
    }
    const [read, written] = [readsOf(s), writesOf(s)];
    const alone = manner === "alone";
    if (this.#mustMeet(read, written, alone)) this.#meet();
    for (const buffer of read) this.#reads.set(buffer, alone && this.#reads.get(buffer) !== false);
    for (const buffer of written) this.#writes.set(buffer, alone && this.#writes.get(buffer) !== false);
    if (alone) this.#alone.push(s);
    else {
      this.#flush();
      this.#out.push(s);
    }
  }

  #mannerOf(s: Stmt): Manner {
    if (s.kind === "let" || s.kind === "var" || s.kind === "set") return "each";
    if (s.kind !== "for") return reads(s, this.#team.index) ? "share" : "alone";
    return isDivided(s.body, this.#team.index) ? "together" : "alone";
  }

  /** A loop that all threads go through: they meet at the end of each round, and may meet inside of it. */
  #loop(s: Stmt & { kind: "for" }): Stmt {
    const inside = new Meeting(this.#team).block(s.body);
    return { ...s, body: [...inside, barrier] };
  }

  #mustMeet(read: ReadonlySet<Buffer>, written: ReadonlySet<Buffer>, alone: boolean): boolean {
    const clashes = (done: ReadonlyMap<Buffer, boolean>, buffer: Buffer): boolean => {
      const byOne = done.get(buffer);
      return byOne !== undefined && !(byOne && alone);
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

  /** Writes what the first thread does alone. */
  #flush(): void {
    if (this.#alone.length === 0) return;
    this.#out.push(when(binary("equal", ref(this.#team.index), i32(0)), this.#alone));
    this.#alone = [];
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
