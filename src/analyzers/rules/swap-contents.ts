/** What was swapped out during the build, with whatever secrets it held. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { ExtentSet } from '../../core/extents.ts';
import { formatSize } from '../../core/size.ts';
import { onDisk } from '../layers.ts';
import { storedBytes } from '../stored.ts';

const LEAST = 1024 * 1024;
/** mkswap writes the first page; everything after it is content. */
const HEADER_BYTES = 4096;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export const swapContents: RemovalRule = {
  id: 'swap-contents',
  title: 'Contents of swap partitions',
  safety: 'safe',
  family: 'disk',
  description:
    'Bytes of the artifact that hold pages in swap partitions: memory of the build. imgopt optimize drops them; in the ' +
    'build, swapoff, blkdiscard and mkswap with the same UUID do.',
  async evaluate({ inspection }) {
    const findings = [];
    for (const one of inspection.filesystems.filter(({ usage }) => usage === 'swap')) {
      const stored = await storedBytes(inspection, onDisk(one, ExtentSet.of(HEADER_BYTES, one.size)));
      if (stored === null || stored < LEAST) continue;
      const name = one.uuid !== null && UUID.test(one.uuid) ? one.uuid : null;
      const device = `"$(readlink -f /dev/disk/by-uuid/${name})"`;
      findings.push({
        bytes: stored,
        paths: [`swap of ${formatSize(one.size)}${name === null ? '' : `, UUID ${name}`}`],
        commands:
          name === null
            ? []
            : [`set -- ${device} && swapoff "$1" && blkdiscard "$1" && mkswap -U ${name} "$1"`],
        reason:
          'pages of programs of the build, which nothing reads after a reboot: imgopt optimize drops them',
      });
    }
    return findings;
  },
};
