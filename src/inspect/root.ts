/** Which of all the filesystems and subvolumes is the guest's `/`. */
import type { RunContext } from '../core/context.ts';
import type { Filesystem } from '../core/contracts/filesystem.ts';
import type { FileTable } from '../core/file-table.ts';
import { MAX_FSTAB_BYTES, MAX_ROOT_FSTABS } from '../core/limits.ts';
import { decodeUtf8 } from '../core/text.ts';
import { readOrNothing } from './attempt.ts';
import { type Mountable, namesItselfRoot } from './mounts.ts';
import { MountedTree } from './root-tree.ts';
import { type RootCandidate, rootCandidates } from './subvolumes.ts';

export interface Root {
  readonly mountable: Mountable;
  /** Its root directory: the filesystem's, or a subvolume's. */
  readonly entry: number;
  /** Nothing but the root filesystem. */
  readonly tree: MountedTree;
  readonly fstab: Uint8Array | undefined;
}

/** Whose own fstab says that it is the root; what the filesystem mounts unless it is asked for something else. */
const NAMED_SCORE = 100;
const DEFAULT_SCORE = 50;

/**
 * What is the guest's `/`: the filesystem that looks most like a root, and of several (an A/B system, a copy) the one
 * whose own fstab says so. Of a filesystem with subvolumes it is the default one when that looks like a root, unless another
 * is named by its own fstab: who writes `subvol=` there gives it to the kernel too. Snapshots say the same of the root,
 * and not of themselves.
 */
export async function chooseRoot(
  table: FileTable,
  bySection: readonly (Filesystem | null)[],
  mountables: readonly Mountable[],
  context: RunContext,
): Promise<Root | undefined> {
  const candidates: (Root & { score: number })[] = [];
  const open = async (mountable: Mountable, one: RootCandidate): Promise<Root & { score: number }> => {
    const { entry, score, isDefault } = one;
    const mount = { section: mountable.section, entry, mountPoint: '/' };
    const tree = await MountedTree.create(table, bySection, [mount], context);
    const whole = await readOrNothing(context, () => tree.read('/etc/fstab'));
    const fstab = whole?.subarray(0, MAX_FSTAB_BYTES);
    const isNamed = fstab !== undefined && namesItselfRoot(mountable, entry, mountables, decodeUtf8(fstab));
    const preset = isDefault && mountable.subvolumes.length > 0 ? DEFAULT_SCORE : 0;
    return { mountable, entry, tree, fstab, score: score + preset + (isNamed ? NAMED_SCORE : 0) };
  };
  for (const mountable of mountables) {
    for (const family of rootCandidates(table, mountable)) {
      let best = await open(mountable, family[0]!);
      for (const one of family.slice(1, MAX_ROOT_FSTABS)) {
        if (best.score >= NAMED_SCORE) break;
        const next = await open(mountable, one);
        if (next.score >= NAMED_SCORE) best = next;
      }
      candidates.push(best);
    }
  }
  candidates.sort((a, b) => b.score - a.score || a.entry - b.entry);
  const [best, second] = candidates;
  if (best !== undefined && second !== undefined) {
    const isNamed = best.score >= NAMED_SCORE && second.score < NAMED_SCORE;
    const why = isNamed ? 'the one whose fstab names it' : 'the likeliest';
    const sections = new Set(candidates.map(({ mountable }) => mountable.section));
    const what = sections.size === candidates.length ? 'filesystems' : 'filesystems and subvolumes';
    context.report(
      'warning',
      'SEVERAL_ROOTS',
      `${candidates.length} ${what} look like a root; ${why} is taken, packages of the others are not told`,
    );
  }
  return best;
}
