/** The largest win of most images: what was deleted during the build and still lies in unused blocks. */
import type { RemovalRule } from '../../core/contracts/rule.ts';

/** Less than this is not worth a step of the build. */
const LEAST = 1024 * 1024;

export const staleBlocks: RemovalRule = {
  id: 'stale-blocks',
  title: 'Deleted data in unused blocks',
  safety: 'safe',
  family: 'disk',
  description:
    'Bytes of the artifact that hold unused blocks of its filesystems. imgopt optimize drops them afterwards; fstrim ' +
    'in the build does when the disk passes discards on (QEMU: disk_discard = "unmap", disk_detect_zeroes = "unmap").',
  evaluate({ books, inspection }) {
    if (books === null || books.stale.bytes < LEAST) return [];
    const mounted = inspection.filesystems
      .filter(({ unused, mountPoint }) => unused !== null && mountPoint !== null)
      .map(({ mountPoint }) => mountPoint!);
    const measured = books.stale.evidence === 'measured';
    return [
      {
        bytes: books.stale.bytes,
        paths: mounted,
        commands: ['fstrim -av'],
        reason: `imgopt optimize drops it, or fstrim on a disk that passes discards on (${measured ? 'measured' : 'by the map of the image, which may count zeros too: --deep measures it'})`,
      },
    ];
  },
};
