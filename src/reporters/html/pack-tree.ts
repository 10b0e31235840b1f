/**
 * The tree as the page gets it: bounded, in columns of small numbers.
 *
 * A page must open at once whatever the image holds, so only the largest nodes go in; a directory is never smaller
 * than what is in it, so the largest ones are a tree by themselves. What is left out stays in the sums above it, and
 * the page shows it as the rest of its directory.
 */
import { KINDS } from '../../analyzers/kind-tables.ts';
import { kindsOf } from '../../analyzers/kinds.ts';
import { ownershipOf } from '../../analyzers/ownership.ts';
import { positionsInReport } from '../../analyzers/packages.ts';
import { kthLargest } from '../../analyzers/select.ts';
import type { SizeTree } from '../../analyzers/size-tree.ts';
import type { Inspection } from '../../core/contracts/inspection.ts';
import type { Report } from '../../core/contracts/report.ts';
import type { PackedTree } from './app/payload.ts';

/** Nodes of one page: 2 MB of text, parsed in a tenth of a second. */
export const MAX_PAGE_NODES = 50_000;

/** @param inspection what the tree was made from; null for a saved report */
export function packTree(
  tree: SizeTree,
  report: Report,
  inspection: Inspection | null,
  most = MAX_PAGE_NODES,
): PackedTree {
  const nodes = largest(tree, most);
  const kept = new Uint8Array(tree.count);
  for (const node of nodes) kept[node] = 1;
  const children = nodes.map((node) => {
    if (tree.directory[node] === 0) return -1;
    let count = 0;
    const first = tree.firstChild[node]!;
    for (let child = first; child < first + tree.childCount[node]!; child++) count += kept[child]!;
    return count;
  });
  const unit = commonUnit(nodes.map((node) => tree.allocated[node]!));
  return {
    names: nodes.map((node) => tree.name(node)),
    children,
    allocated: nodes.map((node) => tree.allocated[node]! / unit),
    unit,
    size: nodes.map((node) => tree.size[node]!),
    files: nodes.map((node) => tree.files[node]!),
    kind: inspection === null ? [] : kindsIn(tree, nodes, inspection),
    package: packagesOf(tree, nodes, report, inspection),
    omitted: tree.count - nodes.length,
    isComplete: tree.isComplete,
  };
}

/** The largest nodes, in the tree's own order. */
function largest(tree: SizeTree, most: number): number[] {
  const all = Int32Array.from({ length: tree.count }, (_, node) => node);
  if (tree.count <= most) return [...all];
  const least = kthLargest(all, tree.allocated, most);
  let room = most;
  for (const bytes of tree.allocated) if (bytes > least) room--;
  const kept = new Uint8Array(tree.count);
  const nodes: number[] = [];
  for (const node of all) {
    const bytes = tree.allocated[node]!;
    if (bytes < least) continue;
    if (bytes === least) {
      // Among equals the first come, but never without their directory.
      if (room === 0 || (node > 0 && kept[tree.parent[node]!] === 0)) continue;
      room--;
    }
    kept[node] = 1;
    nodes.push(node);
  }
  return nodes;
}

function commonUnit(values: readonly number[]): number {
  for (const unit of [4096, 1024, 512]) if (values.every((value) => value % unit === 0)) return unit;
  return 1;
}

/** A directory's kind is the one that most of its bytes are of. */
function kindsIn(tree: SizeTree, nodes: readonly number[], inspection: Inspection): number[] {
  const byEntry = kindsOf(inspection);
  const { table } = inspection;
  const width = KINDS.length;
  // A sum for each kind and directory: files have none, so directories are counted off.
  const position = new Int32Array(tree.count).fill(-1);
  let directories = 0;
  for (let node = 0; node < tree.count; node++)
    if (tree.directory[node] === 1) position[node] = directories++;
  const sums = new Float64Array(directories * width);
  for (let node = tree.count - 1; node > 0; node--) {
    const up = position[tree.parent[node]!]! * width;
    const own = position[node]!;
    if (own >= 0) {
      for (let kind = 0; kind < width; kind++) sums[up + kind]! += sums[own * width + kind]!;
      continue;
    }
    const entry = tree.entry[node]!;
    if (entry >= 0 && table.isCounted(entry)) sums[up + byEntry[entry]!]! += table.allocated[entry]!;
  }
  return nodes.map((node) => {
    const own = position[node]!;
    if (own < 0) return tree.entry[node]! < 0 ? 0 : byEntry[tree.entry[node]!]!;
    let best = 0;
    for (let kind = 1; kind < width; kind++) {
      if (sums[own * width + kind]! > sums[own * width + best]!) best = kind;
    }
    return best;
  });
}

function packagesOf(
  tree: SizeTree,
  nodes: readonly number[],
  report: Report,
  inspection: Inspection | null,
): number[] {
  if (inspection === null) return packagesOfReport(tree, nodes, report);
  const { owner, standing } = ownershipOf(inspection);
  const positions = positionsInReport(inspection, report.packages);
  return nodes.map((node) => {
    const entry = tree.entry[node]!;
    if (entry < 0 || tree.directory[node] === 1) return -1;
    const index = owner[standing(entry)]!;
    return index < 0 ? -1 : positions[index]!;
  });
}

/** A saved report names the package of each file that it lists. */
function packagesOfReport(tree: SizeTree, nodes: readonly number[], report: Report): number[] {
  const names = new Map<string, number>();
  report.packages.forEach(({ name }, index) => {
    if (!names.has(name)) names.set(name, index);
  });
  const owners = new Map<string, number>();
  for (const { path, package: name } of report.files) {
    if (name !== null) owners.set(path, names.get(name) ?? -1);
  }
  const paths: string[] = [];
  const byNode = new Map<number, number>();
  for (let node = 0; node < tree.count; node++) {
    paths.push(node === 0 ? '' : `${paths[tree.parent[node]!]!}/${tree.name(node)}`);
    const owner = owners.get(paths[node]!);
    if (owner !== undefined) byNode.set(node, owner);
  }
  return nodes.map((node) => byNode.get(node) ?? -1);
}
