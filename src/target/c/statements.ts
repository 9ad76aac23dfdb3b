/**
 * Spells statements as lines of C. `kernel`s are called, or written in place where they set a variable of the outside.
 * A function that may end the network early returns how it went.
 */
import type { Buffer, Expr, Stmt, Variable } from "../../loops/ir.ts";
import { indexText, pointerText, type Scope, typeName, valueText } from "./expressions.ts";
import { breakLine, indent } from "./layout.ts";

/** The function that is being written. */
export interface FunctionScope extends Scope {
  /** Whether an integer variable is held as an index. */
  isHeldAsIndex(variable: Variable): boolean;
  /** Whether a variable may change after its declaration. */
  isMutable(variable: Variable): boolean;
  /** The call of a kernel, written as a function; undefined where it must be written in place. */
  call(kernel: Stmt & { kind: "kernel" }): { readonly text: string; readonly mayEnd: boolean } | undefined;
  /** The sentence of a check. */
  check(number: number): string;
}

type Rules = { readonly [K in Stmt["kind"]]: (stmt: Stmt & { kind: K }, scope: FunctionScope) => readonly string[] };

const statementRules: Rules = {
  for: loopLines,
  leave: ({ condition }, scope) => [`if (${valueText(condition, scope)}) break;`],
  let: (s, scope) => [`const ${declaration(s, scope)}`],
  var: (s, scope) => [declaration(s, scope)],
  set: ({ variable, value }, scope) => [`${scope.variable(variable)} = ${valueText(value, scope)};`],
  store: ({ buffer, index, value }, scope) => {
    const text = valueText(value, scope);
    const { scalar, lanes } = value.type;
    if (lanes > 1) return [`store_${scalar}x${lanes}(${pointerText(buffer, index, scope)}, ${text});`];
    return [`${scope.buffer(buffer)}[${indexText(index, scope)}] = ${text};`];
  },
  if: (s, scope) => {
    const condition = valueText(s.condition, scope);
    if (s.else.length === 0) return [`if (${condition}) {`, ...blockLines(s.then, scope), "}"];
    if (s.then.length === 0) return [`if (!(${condition})) {`, ...blockLines(s.else, scope), "}"];
    return [`if (${condition}) {`, ...blockLines(s.then, scope), "} else {", ...blockLines(s.else, scope), "}"];
  },
  copy: ({ to, toIndex, from, fromIndex, count }, scope) => {
    const [target, source] = [pointerText(to, toIndex, scope), pointerText(from, fromIndex, scope)];
    return [`memcpy(${target}, ${source}, ${bytesText(to, count, scope)});`];
  },
  fill: ({ buffer, index, count }, scope) => [
    `memset(${pointerText(buffer, index, scope)}, 0, ${bytesText(buffer, count, scope)});`,
  ],
  kernel: kernelLines,
  barrier: () => ["if (net->meet(net->member)) return recurve_stopped;"],
  require: ({ condition, check, value }, scope) => [
    `if (!(${valueText(condition, scope)})) { /* ${comment(scope.check(check))} */`,
    ...indent([
      `net->failure[0] = ${check + 1};`,
      `net->failure[1] = ${valueText(value, scope)};`,
      "return recurve_failed;",
    ]),
    "}",
  ],
};

/** The lines of a body, one level deeper. */
export function blockLines(body: readonly Stmt[], scope: FunctionScope): string[] {
  const lines = body.flatMap((s) => {
    const rule = statementRules[s.kind] as (s: Stmt, scope: FunctionScope) => readonly string[];
    return rule(s, scope);
  });
  return indent(lines);
}

/** The lines of a function's body, broken where they are too long. */
export function bodyLines(body: readonly Stmt[], scope: FunctionScope): string[] {
  return blockLines(body, scope).flatMap(breakLine);
}

/** Text that may stand in a comment. */
export function comment(text: string): string {
  return text.replaceAll("*/", "* /").replaceAll("/*", "/ *").replaceAll("\\", "/");
}

function declaration({ variable, value }: { variable: Variable; value: Expr }, scope: FunctionScope): string {
  const name = scope.variable(variable);
  if (scope.isHeldAsIndex(variable)) return `ptrdiff_t ${name} = ${indexText(value, scope)};`;
  return `${typeName(variable.type)} ${name} = ${valueText(value, scope)};`;
}

function bytesText(buffer: Buffer, count: Expr, scope: FunctionScope): string {
  const size = `sizeof(${typeName({ scalar: buffer.scalar, lanes: 1 })})`;
  const text = indexText(count, scope);
  if (text === "1") return size;
  return `${/^[\w]+$/.test(text) ? text : `(size_t)(${text})`} * ${size}`;
}

function loopLines(s: Stmt & { kind: "for" }, scope: FunctionScope): string[] {
  const counter = scope.variable(s.variable);
  const step = s.step === 1 ? `${counter}++` : `${counter} += ${s.step}`;
  const from = indexText(s.from, scope);
  const to = indexText(s.to, scope);
  const isPlain =
    s.to.kind === "const" || s.to.kind === "size" || (s.to.kind === "ref" && !scope.isMutable(s.to.variable));
  const end = isPlain ? to : `end_of_${counter}`;
  return [
    ...(isPlain ? [] : [`const ptrdiff_t ${end} = ${to};`]),
    `for (ptrdiff_t ${counter} = ${from}; ${counter} < ${end}; ${step}) {`,
    ...blockLines(s.body, scope),
    "}",
  ];
}

function kernelLines(s: Stmt & { kind: "kernel" }, scope: FunctionScope): string[] {
  const called = scope.call(s);
  if (called === undefined) return [`{ /* ${comment(s.name)} */`, ...blockLines(s.body, scope), "}"];
  if (!called.mayEnd) return [`${called.text};`];
  return ["{", ...indent([`const int status = ${called.text};`, "if (status != recurve_done) return status;"]), "}"];
}
