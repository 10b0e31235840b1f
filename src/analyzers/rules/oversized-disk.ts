/** A virtual disk far larger than what it holds: clouds bill it, and some refuse to start it on smaller volumes. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { formatSize } from '../../core/size.ts';

const GIB = 1024 ** 3;

export const oversizedDisk: RemovalRule = {
  id: 'oversized-disk',
  title: 'Virtual disk larger than needed',
  safety: 'risky',
  family: 'disk',
  description:
    'The virtual size is several times what its filesystems use. It frees no byte of the artifact, but root volumes ' +
    'cannot be smaller than the image: build on a small disk and let cloud-utils-growpart grow it at boot.',
  parameters: [{ name: 'factor', description: 'virtual size over what is used', unit: 'number', default: 4 }],
  evaluate({ inspection, number }) {
    const { artifact, filesystems } = inspection;
    const used = filesystems.reduce((sum, one) => sum + (one.used ?? 0), 0);
    const wanted = Math.ceil((used * 1.5) / GIB) * GIB;
    // What nobody read may be anything.
    if (used === 0 || filesystems.some((one) => one.used === null && one.usage !== 'swap')) return [];
    if (!(artifact?.virtualSize > used * number('factor')) || artifact.virtualSize <= wanted) return [];
    return [
      {
        bytes: 0,
        paths: [artifact.path],
        commands: [],
        reason: `${formatSize(artifact.virtualSize)} virtual, ${formatSize(used)} used: ${formatSize(wanted)} would do (XFS and btrfs roots must be built that small, they do not shrink)`,
      },
    ];
  },
};
