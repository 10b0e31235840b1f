/** Bytes outside of every partition that nobody's structures explain. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { ExtentSet } from '../../core/extents.ts';
import { formatSize } from '../../core/size.ts';
import { storedBytes } from '../stored.ts';

/** Alignment leaves a MiB here and there; boot loaders fit into it. */
const LEAST = 4 * 1024 * 1024;

export const gapContents: RemovalRule = {
  id: 'gap-contents',
  title: 'Data outside of partitions',
  safety: 'risky',
  family: 'disk',
  description:
    'Stored data between and behind partitions: a partition that was deleted, an older layout. It only tells, since some ' +
    'boot loaders and firmware keep their parts there; imgopt optimize keeps it too.',
  async evaluate({ inspection }) {
    const gaps = inspection.regions
      .filter(({ kind }) => kind === 'gap')
      .reduce((all, { ranges }) => all.union(ranges), ExtentSet.empty);
    if (gaps.isEmpty) return [];
    const stored = await storedBytes(inspection, gaps);
    if (stored === null || stored < LEAST) return [];
    return [
      {
        bytes: 0,
        paths: [inspection.artifact.path],
        commands: [],
        reason: `${formatSize(stored)} are stored outside of every partition, from byte ${gaps.startOf(0)} on; look what wrote them, and build from an empty disk`,
      },
    ];
  },
};
