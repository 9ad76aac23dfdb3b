/**
 * The network as C: a struct of pointers and sizes, a function for each kernel, and one that runs them all. It needs
 * the header and nothing else: no allocation, no threads, no knowledge of who calls it.
 */
import { type Dim, formatDim } from "../../base/dims.ts";
import { internal } from "../../base/errors.ts";
import type { Buffer, Program, Stmt, Variable } from "../../loops/ir.ts";
import { readsOf, writesOf } from "../../loops/plan.ts";
import { visitExpressions, visitStatements } from "../../loops/walk.ts";
import { outsideOf } from "../wasm/free.ts";
import { typeName, valueText } from "./expressions.ts";
import { definitionOf, type MathFunction, mathFunctions } from "./functions.ts";
import { Indices } from "./indices.ts";
import { breakLine } from "./layout.ts";
import { CNames } from "./names.ts";
import { bodyLines, comment, type FunctionScope } from "./statements.ts";

/** A network as text, with the names that the glue needs. */
export interface Network {
  readonly text: string;
  /** The tag of the struct, and the function that runs the network. */
  readonly struct: string;
  readonly run: string;
  /** The fields for `program.buffers` and `program.sizes`, in order. */
  readonly buffers: readonly string[];
  readonly sizes: readonly string[];
}

/** Writes a program that holds nothing unused and whose functions are all decomposed into arithmetic. */
export function writeNetwork(program: Program): Network {
  return new NetworkWriter(program).write();
}

type Kernel = Stmt & { kind: "kernel" };

/** What a function takes. */
interface Needs {
  readonly buffers: readonly Buffer[];
  readonly sizes: readonly Dim[];
  readonly variables: readonly Variable[];
  /** Whether threads meet in it. */
  readonly meets: boolean;
  /** Whether it may end the network: it has a check or a barrier. */
  readonly mayEnd: boolean;
}

class NetworkWriter {
  readonly #program: Program;
  readonly #names = new CNames();
  readonly #indices: Indices;
  readonly #mutable = new Set<Variable>();
  readonly #written = new Set<Buffer>();
  readonly #sizeNames = new Map<string, string>();
  readonly #functions: string[] = [];
  readonly #struct: string;

  constructor(program: Program) {
    this.#program = program;
    this.#indices = new Indices(program);
    this.#struct = this.#names.fresh(program.name);
    for (const buffer of program.buffers) this.#names.of(buffer, buffer.name);
    for (const [i, dim] of program.sizes.entries())
      this.#sizeNames.set(formatDim(dim), this.#names.fresh(sizeName(dim) ?? `size${i + 1}`));
    visitStatements(program.body, (s) => {
      if (s.kind === "var") this.#mutable.add(s.variable);
      for (const buffer of writesOf(s)) this.#written.add(buffer);
    });
  }

  write(): Network {
    const { body, buffers, sizes, team } = this.#program;
    const run = `run_${this.#struct}`;
    const lines = bodyLines(body, this.#mainScope());
    const thread = team === undefined ? "" : `, ptrdiff_t ${this.#names.of(team.index, team.index.name)}`;
    const main = [
      "/* Runs the network once. */",
      `int ${run}(const struct ${this.#struct} *net${thread})`,
      "{",
      ...lines,
      "    return recurve_done;",
      "}",
      "",
    ].join("\n");
    return {
      text: [
        this.#header(),
        '#include "recurve.h"\n',
        this.#structText(),
        ...mathFunctions(this.#program).map((math) => this.#mathText(math)),
        ...this.#functions,
        main,
      ].join("\n"),
      struct: this.#struct,
      run,
      buffers: buffers.map((buffer) => this.#names.of(buffer, buffer.name)),
      sizes: sizes.map((dim) => this.#sizeName(dim)),
    };
  }

  // ---- what stands before the functions -------------------------------------------------------------------------

  #header(): string {
    const { name, sizes, team } = this.#program;
    const lines = [
      `The network "${comment(name)}", made by Recurve.`,
      "",
      team === undefined ? "Threads: one." : `Threads: ${team.count}, which run it together.`,
      ...(sizes.length === 0 ? [] : ["Sizes:"]),
      ...sizes.map((dim) => {
        const field = this.#sizeName(dim);
        return field === formatDim(dim) ? `  ${field}` : `  ${field} = ${formatDim(dim)}`;
      }),
    ];
    return ["/*", ...lines.map((line) => ` * ${line}`.trimEnd()), " */"].join("\n");
  }

  /** Pointers with what they point to, sizes, and what the caller gives beside. */
  #structText(): string {
    const { buffers, sizes, checks, team } = this.#program;
    const fields = buffers.map((buffer) => {
      const constant = this.#written.has(buffer) ? "" : "const ";
      const field = `${constant}${typeName({ scalar: buffer.scalar, lanes: 1 })} *${this.#names.of(buffer, buffer.name)};`;
      return `    ${field} /* ${roleText(buffer)} [${formatDim(buffer.size)}] */`;
    });
    const more = [
      ...(sizes.length === 0 ? [] : [`    ptrdiff_t ${sizes.map((dim) => this.#sizeName(dim)).join(", ")};`]),
      ...(checks.length === 0
        ? []
        : ["    int32_t *failure; /* of two: the failed check, counted from 1, and its value */"]),
      ...(team === undefined
        ? []
        : [
            "    int (*meet)(void *member); /* waits for all threads; not 0 where one has failed */",
            "    void *member;",
          ]),
    ];
    const empty = fields.length + more.length === 0 ? ["    char unused;"] : [];
    return [`struct ${this.#struct} {`, ...fields, ...more.flatMap(breakLine), ...empty, "};", ""].join("\n");
  }

  #sizeName(dim: Dim): string {
    return this.#sizeNames.get(formatDim(dim)) ?? internal("a size is not of the program", { size: formatDim(dim) });
  }

  // ---- functions --------------------------------------------------------------------------------------------------

  /** Everything that a function reads has one name in all functions, which are either parameters or fields. */
  #scope(through: string): FunctionScope {
    return {
      variable: (variable) => this.#names.of(variable, variable.name),
      buffer: (buffer) => through + this.#names.of(buffer, buffer.name),
      size: (dim) => through + this.#sizeName(dim),
      isIndex: (x) => this.#indices.isIndex(x),
      isHeldAsIndex: (variable) => this.#indices.has(variable),
      isMutable: (variable) => this.#mutable.has(variable),
      check: (number) => this.#program.checks[number].message,
      call: (kernel) => this.#call(kernel, through),
    };
  }

  #mainScope(): FunctionScope {
    return this.#scope("net->");
  }

  #call(kernel: Kernel, through: string): { text: string; mayEnd: boolean } | undefined {
    const { reads, sets } = outsideOf(kernel.body);
    if (sets) return undefined;
    const needs = this.#needsOf(kernel, reads);
    const name = this.#names.fresh(`kernel_${kernel.name}`);
    this.#functions.push(this.#functionText(name, kernel, needs));
    const given = [
      ...(needs.mayEnd ? ["net"] : []),
      ...needs.buffers.map((buffer) => through + this.#names.of(buffer, buffer.name)),
      ...needs.sizes.map((dim) => through + this.#sizeName(dim)),
      ...needs.variables.map((variable) => this.#names.of(variable, variable.name)),
    ];
    return { text: `${name}(${given.join(", ")})`, mayEnd: needs.mayEnd };
  }

  #needsOf(kernel: Kernel, variables: readonly Variable[]): Needs {
    const touched = new Set([...readsOf(kernel), ...writesOf(kernel)]);
    const sizes = new Set<string>();
    visitExpressions(kernel.body, (x) => {
      if (x.kind === "size") sizes.add(formatDim(x.dim));
    });
    const kinds = new Set<Stmt["kind"]>();
    visitStatements(kernel.body, (s) => kinds.add(s.kind));
    const meets = kinds.has("barrier");
    return {
      buffers: this.#program.buffers.filter((buffer) => touched.has(buffer)),
      sizes: this.#program.sizes.filter((dim) => sizes.has(formatDim(dim))),
      variables,
      meets,
      mayEnd: meets || kinds.has("require"),
    };
  }

  #functionText(name: string, kernel: Kernel, needs: Needs): string {
    const written = writesOf(kernel);
    // Memory that one kernel touches is in use at one time, so that no two of its buffers lie in one place. But where
    // threads meet, they may read what others wrote.
    const restrict = needs.meets ? "" : "restrict ";
    const pointer = (buffer: Buffer): string => {
      const constant = written.has(buffer) ? "" : "const ";
      const type = typeName({ scalar: buffer.scalar, lanes: 1 });
      return `${constant}${type} *${restrict}${this.#names.of(buffer, buffer.name)}`;
    };
    const parameters = [
      ...(needs.mayEnd ? [`const struct ${this.#struct} *net`] : []),
      ...needs.buffers.map(pointer),
      ...needs.sizes.map((dim) => `ptrdiff_t ${this.#sizeName(dim)}`),
      ...needs.variables.map((variable) => this.#parameter(variable)),
    ];
    const type = needs.mayEnd ? "int" : "void";
    // Kernels of this one come before it.
    const lines = bodyLines(kernel.body, this.#scope(""));
    return [
      `/* ${comment(kernel.name)} */`,
      ...breakLine(`static ${type} ${name}(${parameters.length === 0 ? "void" : parameters.join(", ")})`),
      "{",
      ...lines,
      ...(needs.mayEnd ? ["    return recurve_done;"] : []),
      "}",
      "",
    ].join("\n");
  }

  /** One of the functions that machines lack. Its names are its own. */
  #mathText(math: MathFunction): string {
    const { x, body, result } = definitionOf(math);
    const names = new CNames();
    const scope: FunctionScope = { ...this.#scope(""), variable: (variable) => names.of(variable, variable.name) };
    const type = typeName(x.type);
    const ending = math.lanes === 1 ? "f32" : type;
    return [
      `RECURVE_INLINE ${type} ${math.fn}_${ending}(${type} ${scope.variable(x)})`,
      "{",
      ...bodyLines(body, scope),
      ...breakLine(`    return ${valueText(result, scope)};`),
      "}",
      "",
    ].join("\n");
  }

  #parameter(variable: Variable): string {
    const type = this.#indices.has(variable) ? "ptrdiff_t" : typeName(variable.type);
    return `${type} ${this.#names.of(variable, variable.name)}`;
  }
}

/** `b` for b, `b_t_16` for 16*b*t; none for what is no such product. */
function sizeName(dim: Dim): string | undefined {
  const text = formatDim(dim);
  if (/^\w+$/.test(text)) return text;
  const factors = text.split("*");
  if (!factors.every((factor) => /^\w+$/.test(factor))) return undefined;
  const numbers = factors.filter((factor) => /^\d/.test(factor));
  return [...factors.filter((factor) => !/^\d/.test(factor)), ...numbers].join("_");
}

function roleText({ role }: Buffer): string {
  switch (role.kind) {
    case "input":
    case "output":
      return `${role.kind} ${role.position}`;
    case "inout":
      return `input ${role.input} and output ${role.output}`;
    case "constant":
      return "constant";
    case "temp":
      return "scratch";
    default:
      return role satisfies never;
  }
}
