/**
 * Every driver there is: the built-in ones and those that plugins contribute, in one frozen registry. Built-ins
 * use the same contracts, without private access. Order is the order of detection: what has a signature comes
 * before what has none.
 */
import type { Contribution, Registry } from './core/contracts/registry.ts';
import type { ImageWriter } from './core/contracts/writer.ts';
import { usage } from './core/errors.ts';
import { cpioFormat, ovfFormat, tarFormat } from './disk/containers/containers.ts';
import { btrfsDriver } from './disk/filesystems/btrfs/btrfs.ts';
import { erofsDriver } from './disk/filesystems/erofs/erofs.ts';
import { extDriver } from './disk/filesystems/ext/ext.ts';
import { fatDriver } from './disk/filesystems/fat/fat.ts';
import { isoDriver } from './disk/filesystems/iso9660/iso9660.ts';
import { ntfsBackupDriver, ntfsDriver } from './disk/filesystems/ntfs/ntfs.ts';
import { recognisedDrivers } from './disk/filesystems/recognised/recognised.ts';
import { squashfsDriver } from './disk/filesystems/squashfs/squashfs.ts';
import { xfsDriver } from './disk/filesystems/xfs/xfs.ts';
import { parallelsFormat } from './disk/formats/parallels/parallels.ts';
import { qcow2Format } from './disk/formats/qcow2/qcow2.ts';
import { qedFormat } from './disk/formats/qed/qed.ts';
import { rawFormat } from './disk/formats/raw/raw.ts';
import { recognisedFormats } from './disk/formats/recognised/recognised.ts';
import { vdiFormat } from './disk/formats/vdi/vdi.ts';
import { vhdFormat } from './disk/formats/vhd/vhd.ts';
import { vhdxFormat } from './disk/formats/vhdx/vhdx.ts';
import { vmdkFormat } from './disk/formats/vmdk/vmdk.ts';
import { btrfsVolumes } from './disk/volumes/btrfs/btrfs.ts';
import { gptVolumes } from './disk/volumes/gpt/gpt.ts';
import { lvm2Volumes } from './disk/volumes/lvm2/lvm2.ts';
import { mbrVolumes } from './disk/volumes/mbr/mbr.ts';
import { mdVolumes } from './disk/volumes/md/md.ts';
import { apkPackages } from './packages/apk/apk.ts';
import { dpkgPackages } from './packages/dpkg/dpkg.ts';
import { flatpakPackages } from './packages/flatpak/flatpak.ts';
import { gemPackages } from './packages/language/gem.ts';
import { npmPackages } from './packages/language/npm.ts';
import { pythonPackages } from './packages/language/python.ts';
import { pacmanPackages } from './packages/pacman/pacman.ts';
import { rpmPackages } from './packages/rpm/rpm.ts';
import { snapPackages } from './packages/snap/snap.ts';

const BUILT_IN: Contribution = {
  apiVersion: 1,
  formats: [
    qcow2Format,
    vmdkFormat,
    vdiFormat,
    vhdFormat,
    vhdxFormat,
    qedFormat,
    parallelsFormat,
    ovfFormat,
    tarFormat,
    cpioFormat,
  ],
  volumeSystems: [gptVolumes, mbrVolumes, mdVolumes, lvm2Volumes, btrfsVolumes],
  filesystems: [
    extDriver,
    xfsDriver,
    btrfsDriver,
    squashfsDriver,
    erofsDriver,
    isoDriver,
    ntfsDriver,
    fatDriver,
  ],
  packageDatabases: [dpkgPackages, rpmPackages, apkPackages, pacmanPackages, snapPackages, flatpakPackages],
};
/**
 * Asked last: raw accepts anything, recognisers must not hide a plugin that really reads, what a system's packages
 * installed is theirs before it is a language's, and a copy of NTFS' boot sector may be left over from what was there
 * before.
 */
const LAST: Contribution = {
  apiVersion: 1,
  formats: [recognisedFormats, rawFormat],
  filesystems: [...recognisedDrivers, ntfsBackupDriver],
  packageDatabases: [pythonPackages, npmPackages, gemPackages],
};

export interface OwnedContribution {
  /** Name of the plugin, for messages. */
  readonly owner: string;
  readonly contribution: Contribution;
}

/**
 * Joins the built-in drivers with those of plugins.
 * @param writers the built-in writers (src/writers.ts), for those who write: readers start faster without them
 * @throws ImgoptError `usage` when two owners contribute a driver of one kind and name, or for another API version
 */
export function createRegistry(
  plugins: readonly OwnedContribution[] = [],
  writers: readonly ImageWriter[] = [],
): Registry {
  for (const { owner, contribution } of plugins) {
    if (contribution.apiVersion !== 1) {
      throw usage(
        'PLUGIN_API',
        `the plugin ${owner} speaks version ${String(contribution.apiVersion)} of the driver API, imgopt speaks 1`,
        {
          advice: `update ${owner} or imgopt`,
        },
      );
    }
  }
  const sorted = [...plugins].sort((a, b) => (a.owner < b.owner ? -1 : 1));
  const all = [
    { owner: 'imgopt', contribution: { ...BUILT_IN, writers } },
    ...sorted,
    { owner: 'imgopt', contribution: LAST },
  ];
  const collect = <T>(
    kind: string,
    pick: (from: Contribution) => readonly T[] | undefined,
    name: (one: T) => string,
  ): readonly T[] => {
    const owners = new Map<string, string>();
    const result: T[] = [];
    for (const { owner, contribution } of all) {
      for (const one of pick(contribution) ?? []) {
        const earlier = owners.get(name(one));
        if (earlier !== undefined) {
          throw usage(
            'DUPLICATE_DRIVER',
            `${earlier} and ${owner} both contribute the ${kind} '${name(one)}'`,
            {
              advice: `remove one of them`,
            },
          );
        }
        owners.set(name(one), owner);
        result.push(one);
      }
    }
    return Object.freeze(result);
  };
  return Object.freeze({
    formats: collect(
      'image format',
      (from) => from.formats,
      (one) => one.name,
    ),
    writers: collect(
      'image writer',
      (from) => from.writers,
      (one) => one.format,
    ),
    volumeSystems: collect(
      'volume system',
      (from) => from.volumeSystems,
      (one) => one.name,
    ),
    filesystems: collect(
      'filesystem driver',
      (from) => from.filesystems,
      (one) => one.name,
    ),
    decompressors: collect(
      'decompressor',
      (from) => from.decompressors,
      (one) => one.name,
    ),
    packageDatabases: collect(
      'package database',
      (from) => from.packageDatabases,
      (one) => one.manager,
    ),
  });
}
