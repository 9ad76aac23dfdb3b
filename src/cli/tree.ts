/** Draws trees with columns: a name with its branch lines, then cells, the last of which are numbers. */
import { type Colors, padText, textWidth } from "./terminal.ts";

export interface TreeNode {
  readonly name: string;
  /** What stands behind the name, one text a column. */
  readonly cells: readonly string[];
  /** A number at the right end. */
  readonly count?: string;
  readonly children?: readonly TreeNode[];
}

interface Line {
  readonly branch: string;
  readonly node: TreeNode;
}

/** Lines of a tree whose columns are aligned over all of its levels. */
export function drawTree(roots: readonly TreeNode[], colors: Colors): string[] {
  const lines = roots.flatMap((root) => flatten(root, "", ""));
  const columns = Math.max(...lines.map(({ node }) => node.cells.length));
  const names = Math.max(...lines.map(({ branch, node }) => textWidth(branch + node.name)));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...lines.map(({ node }) => textWidth(node.cells[i] ?? ""))),
  );
  const counts = Math.max(...lines.map(({ node }) => textWidth(node.count ?? "")));
  return lines.map(({ branch, node }) => {
    const isLeaf = (node.children ?? []).length === 0 && branch.length > 3;
    const name = padText(colors.dim(branch) + (isLeaf ? node.name : colors.bold(node.name)), names);
    const cells = widths.map((width, i) => padText(node.cells[i] ?? "", width));
    const count = padText(node.count ?? "", counts, "right");
    return [name, ...cells, isLeaf ? colors.dim(count) : count].join("  ").trimEnd();
  });
}

function flatten(node: TreeNode, branch: string, below: string): Line[] {
  const children = node.children ?? [];
  const lines = children.flatMap((child, i) => {
    const isLast = i === children.length - 1;
    return flatten(child, `${below}${isLast ? "└─ " : "├─ "}`, `${below}${isLast ? "   " : "│  "}`);
  });
  return [{ branch, node }, ...lines];
}
