/** Search over the names of the tree and of packages: plain text, letters of any case, `*` for any text. */
import type { Model, Tree } from './model.ts';

export interface Found {
  /** Nodes of the tree, largest first. */
  readonly nodes: readonly number[];
  /** Positions in the report's packages. */
  readonly packages: readonly number[];
  /** Bytes of the nodes, those inside of others once. */
  readonly allocated: number;
  /** By node: 1 when it is found, 2 when it holds what is found, 3 when it lies inside of what is found. */
  readonly marks: Uint8Array;
}

export function search(model: Model, query: string): Found {
  const { tree, report } = model;
  const matches = matcher(query);
  const isPath = query.includes('/');
  const marks = new Uint8Array(tree.count);
  const nodes: number[] = [];
  let allocated = 0;
  for (let node = 1; node < tree.count; node++) {
    const up = tree.parent[node]!;
    const isInside = marks[up] === 1 || marks[up] === 3;
    if (matches(isPath ? tree.path(node) : tree.name(node))) {
      nodes.push(node);
      marks[node] = 1;
      if (!isInside) {
        allocated += tree.allocated(node);
        markAbove(tree, node, marks);
      }
    } else if (isInside) {
      marks[node] = 3;
    }
  }
  nodes.sort((a, b) => tree.allocated(b) - tree.allocated(a) || a - b);
  const packages = report.packages.flatMap(({ name }, index) => (matches(name) ? [index] : []));
  return { nodes, packages, allocated, marks };
}

function markAbove(tree: Tree, node: number, marks: Uint8Array): void {
  for (let at = tree.parent[node]!; at >= 0 && marks[at] === 0; at = tree.parent[at]!) marks[at] = 2;
}

function matcher(query: string): (text: string) => boolean {
  const wanted = query.toLowerCase();
  if (!wanted.includes('*')) return (text) => text.toLowerCase().includes(wanted);
  const parts = wanted.split('*');
  return (text) => {
    const lower = text.toLowerCase();
    let at = 0;
    for (const [index, part] of parts.entries()) {
      if (index === 0) {
        if (!lower.startsWith(part)) return false;
        at = part.length;
      } else if (index === parts.length - 1) {
        return lower.length - part.length >= at && lower.endsWith(part);
      } else {
        at = lower.indexOf(part, at);
        if (at < 0) return false;
        at += part.length;
      }
    }
    return true;
  };
}
