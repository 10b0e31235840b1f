/** The fixture `suse`: what btrfs-progs, the kernel, findutils and sha256sum said of it (see guest.sh there). */
import type { BtrfsEntry, BtrfsImage } from './btrfs.ts';
import { fixtureBytes, fixturePath } from './fixtures.ts';

interface SuseExpected extends BtrfsImage {
  /** As the guest sees it, everything mounted by its fstab. */
  readonly guest: {
    readonly entries: readonly BtrfsEntry[];
    readonly sums: Readonly<Record<string, string>>;
    readonly mounts: readonly {
      readonly mountPoint: string;
      readonly type: string;
      readonly subvolume: string | null;
    }[];
  };
}

export const SUSE_PATH = fixturePath('suse/suse.img');
/** Of the partition that holds btrfs, in bytes. */
export const SUSE_BTRFS = { start: 12288 * 512, size: 140288 * 512 } as const;

export const suseExpected = (): SuseExpected =>
  JSON.parse(fixtureBytes('suse/expected.json').toString()) as SuseExpected;
