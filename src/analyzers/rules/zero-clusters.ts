/** Zeros that the image stores where its filesystems use nothing: a zero-filled disk that nobody converted. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { ExtentSet } from '../../core/extents.ts';
import { isRead, onDisk } from '../layers.ts';
import { storedBytes } from '../stored.ts';

const LEAST = 1024 * 1024;

export const zeroClusters: RemovalRule = {
  id: 'zero-clusters',
  title: 'Zeros that the image stores',
  safety: 'safe',
  family: 'disk',
  deep: true,
  description:
    'Allocated clusters that hold unused blocks full of zeros: what `dd if=/dev/zero` leaves when the image is not ' +
    'converted afterwards. imgopt optimize and qemu-img convert drop them; disk_detect_zeroes = "unmap" keeps them out.',
  async evaluate({ books, inspection }) {
    // What is not zero among them is another rule's, and must have been measured.
    if (books === null || books.stale.evidence !== 'measured') return [];
    const unused = [
      ...inspection.filesystems
        .filter((one) => isRead(one) && one.unused !== null)
        .map((one) => onDisk(one, one.unused!)),
      ...inspection.regions.filter(({ kind }) => kind === 'unused').map(({ ranges }) => ranges),
    ].reduce((all, one) => all.union(one), ExtentSet.empty);
    const stored = await storedBytes(inspection, unused);
    const zeros = (stored ?? 0) - books.stale.bytes;
    if (zeros < LEAST) return [];
    return [
      {
        bytes: zeros,
        paths: [inspection.artifact.path],
        commands: [],
        reason:
          'unused blocks that were read and hold only zeros: imgopt optimize drops them; a provisioner that zero-fills needs a conversion after it',
      },
    ];
  },
};
