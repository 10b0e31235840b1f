/** Snapshots inside the image: the state before some step of the build, shipped along. */
import type { RemovalRule } from '../../core/contracts/rule.ts';

export const internalSnapshots: RemovalRule = {
  id: 'internal-snapshots',
  title: 'Snapshots inside the image',
  safety: 'review',
  family: 'disk',
  description:
    'Bytes that only internal snapshots of a qcow2 image hold. Converting drops them; qemu-img snapshot -d deletes one.',
  evaluate({ inspection }) {
    const { disk, artifact } = inspection;
    if (!(disk?.snapshotBytes > 0)) return [];
    return [
      {
        bytes: disk.snapshotBytes,
        paths: [artifact.path],
        commands: [],
        reason: 'no guest sees them; qemu-img snapshot -l lists them, imgopt optimize leaves them out',
      },
    ];
  },
};
