/** A VMDK that is made to run, not to ship. */
import type { RemovalRule } from '../../core/contracts/rule.ts';

export const flatVmdk: RemovalRule = {
  id: 'flat-vmdk',
  title: 'VMDK that is not stream-optimized',
  safety: 'review',
  family: 'disk',
  description:
    'A VMDK other than streamOptimized: hypervisors run it, but for OVA and upload the compressed, sequential kind is smaller and required by some clouds.',
  evaluate({ inspection }) {
    const { disk, artifact } = inspection;
    const type = disk?.details?.createType;
    if (disk?.format !== 'vmdk' || typeof type !== 'string' || type === 'streamOptimized') return [];
    return [
      {
        bytes: 0,
        paths: [artifact.path],
        commands: [],
        reason: `${type}: imgopt optimize writes streamOptimized (qemu-img convert -O vmdk -o subformat=streamOptimized)`,
      },
    ];
  },
};
