/** Snapshots of the system that were taken while it was built: snapper's before and after each change, timeshift's. */
import type { Filesystem } from '../../core/contracts/filesystem.ts';
import type { InspectedFilesystem, InspectedSubvolume } from '../../core/contracts/inspection.ts';
import type { GuestFiles, RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';
import { someOf } from '../suggest-text.ts';

/** Snapper keeps a snapshot of /srv as /srv/.snapshots/7/snapshot. */
const SNAPPER = /^(.*)\/\.snapshots\/(\d+)\/snapshot$/;
const TIMESHIFT = /(?:^|\/)timeshift-btrfs\/snapshots\/([^/]+)\/[^/]+$/;
/** Numbers on one command line. */
const NUMBERS_PER_COMMAND = 500;

export const btrfsSnapshots: RemovalRule = {
  id: 'btrfs-snapshots',
  title: 'Snapshots of the system',
  safety: 'review',
  family: 'backups',
  description:
    'Snapshots of btrfs subvolumes that the guest mounts, with the bytes that nothing but them refers to: what was ' +
    'changed or removed since. While they are there, removing a file that they hold frees nothing, and keys or logs ' +
    'that were cleaned up are still shipped.',
  async evaluate({ inspection, files }) {
    const configurations = await snapperConfigurations(files);
    return inspection.filesystems.flatMap((one) => {
      const { filesystem, subvolumes } = one;
      const snapshots = subvolumes.filter(({ isAside }) => isAside);
      const bytes = bytesOf(filesystem, snapshots);
      if (snapshots.length === 0 || bytes === 0) return [];
      const writable = snapshots.filter(({ isReadOnly }) => !isReadOnly);
      const notes = [
        `${snapshots.length === 1 ? 'one snapshot holds' : `${snapshots.length} snapshots hold`} what was changed or removed since, keys and logs among it`,
        ...(writable.length === 0
          ? []
          : [
              `${someOf(
                writable.map(({ path }) => path),
                3,
              )} can be written to: look whether it is used`,
            ]),
      ];
      return [
        {
          bytes,
          paths: snapshots.map(({ guestPath }) => guestPath),
          commands: commandsFor(one, snapshots, configurations),
          reason: notes.join('; '),
        },
      ];
    });
  },
};

function bytesOf(filesystem: Filesystem | null, snapshots: readonly InspectedSubvolume[]): number {
  return filesystem?.exclusiveTo?.(snapshots.map(({ id }) => id)) ?? 0;
}

/** Snapper's configurations by the directory that they keep snapshots of. */
async function snapperConfigurations(files: GuestFiles): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of files.glob('/etc/snapper/configs/*')) {
    const text = (await files.readEntry(entry)) ?? '';
    const path = /^\s*SUBVOLUME="?([^"\n]*)"?/m.exec(text)?.[1];
    if (path?.startsWith('/')) found.set(path.replace(/\/+$/, ''), files.name(entry));
  }
  return found;
}

function commandsFor(
  { mountPoint }: InspectedFilesystem,
  snapshots: readonly InspectedSubvolume[],
  configurations: ReadonlyMap<string, string>,
): string[] {
  const numbers = new Map<string, number[]>();
  const commands: string[] = [];
  const timeshift = new Set<string>();
  for (const { id, path, guestPath } of snapshots) {
    const snapper = SNAPPER.exec(guestPath);
    const configuration = snapper === null ? undefined : configurations.get(snapper[1]!);
    const shot = TIMESHIFT.exec(path);
    if (configuration !== undefined) {
      const list = numbers.get(configuration) ?? [];
      list.push(Number(snapper![2]));
      numbers.set(configuration, list);
    } else if (shot !== null) {
      timeshift.add(shot[1]!);
    } else {
      // By number, since what holds it may be mounted nowhere.
      commands.push(`btrfs subvolume delete --subvolid ${id} ${shellQuote(mountPoint ?? '/')}`);
    }
  }
  for (const [configuration, list] of numbers) {
    list.sort((a, b) => a - b);
    for (let at = 0; at < list.length; at += NUMBERS_PER_COMMAND) {
      const some = list.slice(at, at + NUMBERS_PER_COMMAND).join(' ');
      commands.push(`snapper --no-dbus -c ${shellQuote(configuration)} delete --sync ${some}`);
    }
  }
  for (const name of [...timeshift].sort()) {
    commands.push(`timeshift --delete --scripted --snapshot ${shellQuote(name)}`);
  }
  return commands;
}
