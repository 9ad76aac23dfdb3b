/**
 * Sharing and moving of work inside a kernel: an expression that occurs twice is computed once, and one that does not
 * change in a loop is computed before it, both with `let`. Branches of an `if` keep their work. A load of a buffer
 * that the kernel writes stays where it is. Not here: any change of what is computed.
 */
import type { Buffer, Expr, Stmt, Variable } from "./ir.ts";
import type { Names } from "./names.ts";
import { blocks, eachOperand, expressions, mapBlocks, mapExpressions, mapOperands, visitStatements } from "./walk.ts";

/** A list of statements that runs as one: the kernel, the body of a loop, a branch. */
interface Region {
  readonly parent: Region | undefined;
  readonly depth: number;
  readonly kind: "root" | "loop" | "branch";
  /** Expressions first met here, by key; only roots and branches hold any. */
  readonly table: Map<string, Node>;
  /** Statements written so far, while the kernel is rebuilt. */
  readonly out: Stmt[];
}

/** One distinct expression. */
interface Node {
  readonly id: number;
  readonly expr: Expr;
  readonly ins: readonly Node[];
  /** The outermost region in which it can be computed. */
  readonly home: Region;
  /** Where it is computed or copied to, as far as that decides whether it becomes a variable. */
  site: Region | undefined;
  hasMoreSites: boolean;
  /** Too plain to be worth a variable: targets spell it for nothing, or fold it into an address. */
  readonly plain: boolean;
  variable: Variable | undefined;
  written: boolean;
}

/** Rewrites the body of one kernel. */
export function hoist(body: readonly Stmt[], names: Names): readonly Stmt[] {
  const hoister = new Hoister(body, names);
  return hoister.run(body);
}

class Hoister {
  readonly #names: Names;
  /** In the order of their first occurrence, operands first; without leaves. */
  readonly #nodes: Node[] = [];
  /** Constants, sizes and variables that do not change; these are never bound. */
  readonly #leaves = new Map<Variable | string, Node>();
  #count = 0;
  readonly #written = new Set<Buffer>();
  readonly #homes = new Map<Variable, Region>();
  readonly #mutable = new Set<Variable>();
  /** What a `let` of the source stands for. */
  readonly #lets = new Map<Variable, Node>();
  /** The node of each occurrence: an expression object may stand for different nodes in different statements. */
  readonly #roots = new Map<Stmt, readonly Node[]>();
  readonly #regions = new Map<readonly Stmt[], Region>();
  #epoch = 0;
  #cache = new Map<Expr, Node>();

  constructor(body: readonly Stmt[], names: Names) {
    this.#names = names;
    visitStatements(body, (s) => {
      if (s.kind === "store" || s.kind === "fill") this.#written.add(s.buffer);
      if (s.kind === "copy") this.#written.add(s.to);
      if (s.kind === "var") this.#mutable.add(s.variable);
    });
  }

  run(body: readonly Stmt[]): readonly Stmt[] {
    const root = makeRegion(undefined, "root");
    this.#number(body, root);
    this.#decide();
    this.#write(body, root);
    return root.out;
  }

  // ---- first walk: give every distinct expression a node -------------------------------------------------------

  #number(body: readonly Stmt[], region: Region): void {
    this.#regions.set(body, region);
    for (const s of body) {
      this.#cache = new Map();
      const roots = expressions(s).map((x) => this.#node(x, region));
      for (const node of roots) addSite(node, region, false);
      this.#roots.set(s, roots);
      this.#open(s, region, roots);
      if (isEffect(s)) this.#epoch++;
    }
  }

  #open(s: Stmt, region: Region, roots: readonly Node[]): void {
    if (s.kind === "var") this.#homes.set(s.variable, region);
    if (s.kind === "let") {
      const node = roots[0];
      this.#lets.set(s.variable, node);
      if (!node.plain || this.#isMutable(node.expr)) node.variable ??= s.variable;
    }
    if (s.kind === "for") {
      const inner = makeRegion(region, "loop");
      this.#homes.set(s.variable, inner);
      this.#number(s.body, inner);
    } else {
      for (const block of blocks(s)) this.#number(block, makeRegion(region, s.kind === "if" ? "branch" : "loop"));
    }
  }

  #node(x: Expr, region: Region): Node {
    if (x.kind === "const" || x.kind === "size") return this.#leaf(describe(x), x, region);
    if (x.kind === "ref") {
      const known = this.#lets.get(x.variable);
      if (known !== undefined) return known;
      return this.#isMutable(x) ? this.#intern(x, [], region) : this.#leaf(x.variable, x, region);
    }
    const cached = this.#cache.get(x);
    if (cached !== undefined) return cached;
    const ins: Node[] = [];
    eachOperand(x, (operand) => ins.push(this.#node(operand, region)));
    const node = this.#intern(x, ins, region);
    this.#cache.set(x, node);
    return node;
  }

  #leaf(key: Variable | string, x: Expr, region: Region): Node {
    const known = this.#leaves.get(key);
    if (known !== undefined) return known;
    let root = region;
    while (root.parent !== undefined) root = root.parent;
    const home = x.kind === "ref" ? (this.#homes.get(x.variable) ?? root) : root;
    const node = makeNode(this.#count++, x, [], home);
    this.#leaves.set(key, node);
    return node;
  }

  #intern(x: Expr, ins: readonly Node[], region: Region): Node {
    const holder = holderOf(region);
    const pinned = this.#isMutable(x) || (x.kind === "load" && this.#written.has(x.buffer));
    let key = describe(x);
    for (const { id } of ins) key += `,${id}`;
    if (pinned) key += `@${region.depth}:${this.#epoch}`;
    for (let at: Region | undefined = holder; at !== undefined; at = at.parent) {
      const found = at.kind === "loop" ? undefined : at.table.get(key);
      if (found !== undefined) return found;
    }
    let home = pinned ? region : holder;
    for (const operand of ins) if (operand.home.depth > home.depth) home = operand.home;
    const node = makeNode(this.#count++, x, ins, home);
    this.#nodes.push(node);
    holder.table.set(key, node);
    return node;
  }

  #isMutable(x: Expr): boolean {
    return x.kind === "ref" && this.#mutable.has(x.variable);
  }

  // ---- which nodes become variables ----------------------------------------------------------------------------

  /** From users to operands: a node is bound where it has several sites, or its site is in a loop inside its home. */
  #decide(): void {
    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i];
      const { home, site } = node;
      if (node.variable === undefined && !node.plain && (node.hasMoreSites || (site && crossesLoop(site, home))))
        node.variable = this.#fresh(node.expr);
      const at = node.variable === undefined ? site : home;
      const isMany = node.variable === undefined && node.hasMoreSites;
      if (at !== undefined) for (const operand of node.ins) addSite(operand, at, isMany);
    }
  }

  #fresh(x: Expr): Variable {
    return this.#names.variable(x.type.scalar === "f32" ? "x" : x.type.scalar === "i32" ? "n" : "p", x.type);
  }

  // ---- second walk: write the statements again -----------------------------------------------------------------

  #write(body: readonly Stmt[], region: Region): void {
    for (const s of body) {
      const roots = this.#roots.get(s) as Node[];
      let next = 0;
      const rewritten = mapExpressions(s, () => this.#expr(roots[next++]));
      if (s.kind === "let") continue;
      const inner = mapBlocks(rewritten, (block) => {
        const of = this.#regions.get(block) as Region;
        this.#write(block, of);
        return of.out;
      });
      region.out.push(inner);
    }
  }

  #expr(node: Node): Expr {
    if (node.variable !== undefined) {
      if (!node.written) {
        node.written = true;
        const value = this.#rebuild(node);
        node.home.out.push({ kind: "let", variable: node.variable, value });
      }
      return { kind: "ref", type: node.variable.type, variable: node.variable };
    }
    return this.#rebuild(node);
  }

  #rebuild(node: Node): Expr {
    let next = 0;
    return mapOperands(node.expr, () => this.#expr(node.ins[next++]));
  }
}

function makeRegion(parent: Region | undefined, kind: Region["kind"]): Region {
  return { parent, depth: (parent?.depth ?? -1) + 1, kind, table: new Map(), out: [] };
}

/** The innermost branch around a region, or the root: what is inside does not leave it. */
function holderOf(region: Region): Region {
  let at = region;
  while (at.kind === "loop" && at.parent !== undefined) at = at.parent;
  return at;
}

function makeNode(id: number, expr: Expr, ins: readonly Node[], home: Region): Node {
  const plain = isPlain(expr, ins);
  return { id, expr, ins, home, site: undefined, hasMoreSites: false, plain, variable: undefined, written: false };
}

function addSite(node: Node, site: Region, areMany: boolean): void {
  if (areMany || node.site !== undefined) node.hasMoreSites = true;
  node.site ??= site;
}

function crossesLoop(site: Region, home: Region): boolean {
  for (let at: Region | undefined = site; at !== undefined && at !== home; at = at.parent)
    if (at.kind === "loop") return true;
  return false;
}

function isEffect(s: Stmt): boolean {
  return s.kind !== "let" && s.kind !== "var" && s.kind !== "require";
}

/** Leaves, and sums and products of sizes and counters: indices. */
function isPlain(x: Expr, ins: readonly Node[]): boolean {
  if (x.kind === "const" || x.kind === "ref" || x.kind === "size") return true;
  if (x.kind !== "binary" || x.type.scalar !== "i32" || x.type.lanes !== 1) return false;
  if (x.fn === "add" && x.b.kind === "const") return true;
  return (x.fn === "add" || x.fn === "sub" || x.fn === "mul") && ins.every((n) => n.plain);
}

function describe(x: Expr): string {
  const type = `${x.type.scalar}${x.type.lanes}`;
  switch (x.kind) {
    case "const":
      return `${type}#${Object.is(x.value, -0) ? "-0" : x.value}`;
    case "ref":
      return `$${x.variable.name}`;
    case "size":
      return `size ${typeof x.dim === "number" ? x.dim : x.dim.key}`;
    case "load":
      return `${type} ${x.buffer.name}`;
    case "unary":
    case "binary":
      return `${type} ${x.fn}`;
    case "lane":
      return `lane${x.lane}`;
    case "select":
    case "cast":
    case "splat":
    case "ramp":
      return `${x.kind} ${type}`;
    default:
      return x satisfies never;
  }
}
