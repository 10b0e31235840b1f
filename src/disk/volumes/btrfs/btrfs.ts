/**
 * Filesystems of btrfs that lie on several devices: their members are found by the filesystem's UUID and put end to end,
 * in the order of their numbers and each as long as its superblock says. The filesystem's driver finds every device's
 * superblock in that and does the rest: which addresses lie where, which copies there are, and what is missing.
 */
import { BLOCK_CHECKSUMS, hasChecksum } from '../../../core/block-checksum.ts';
import type { Context } from '../../../core/contracts/context.ts';
import type {
  GroupVolume,
  Probe,
  ProbeInput,
  VolumeGroup,
  VolumeGroupSystem,
  VolumeMember,
} from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, isArtifactError } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { decodeField, escapeName, formatUuid } from '../../../core/text.ts';
import { readBytes } from '../../../sources/read.ts';
import { spannedSource } from '../../../sources/spanned.ts';
import {
  BTRFS_MAGIC,
  CHECKSUM_BYTES,
  SUPERBLOCK_BYTES,
  SUPERBLOCK_OFFSETS,
  superblockRecord,
} from './layout.ts';

export const btrfsVolumes: VolumeGroupSystem = { name: 'btrfs', isFilesystem: true, probe, assemble };

function probe({ head }: ProbeInput): Probe | undefined {
  const [start] = SUPERBLOCK_OFFSETS;
  if (head.length < start + SUPERBLOCK_BYTES) return undefined;
  const { magic, num_devices: devices } = superblockRecord.fields;
  const view = viewOf(head);
  if (magic.read(view, start + magic.offset) !== BTRFS_MAGIC) return undefined;
  // Damaged or not: whoever puts it together looks at the copies as well.
  const count = view.getBigUint64(start + devices.offset, true);
  return count > 1n
    ? { certainty: 'certain', description: `one of ${count} devices of a btrfs filesystem` }
    : undefined;
}

/** A device of a filesystem. */
interface Component extends VolumeMember {
  readonly member: number;
  readonly uuid: string;
  readonly label: string;
  readonly generation: number;
  readonly device: number;
  /** Bytes of it that are the filesystem's. */
  readonly size: number;
}

async function assemble(members: readonly VolumeMember[], context: Context): Promise<VolumeGroup[]> {
  const filesystems = new Map<string, Component[]>();
  for (const [index, member] of members.entries()) {
    try {
      const component = await readComponent(member, index);
      const others = filesystems.get(component.uuid) ?? [];
      filesystems.set(component.uuid, others);
      others.push(component);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      member.context.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
    }
  }
  return [...filesystems.values()].map((components) => join(components, context));
}

/** By its first superblock, or when that is damaged by the newest of the copies. */
async function readComponent(member: VolumeMember, index: number): Promise<Component> {
  let best: Component | undefined;
  for (const [i, offset] of SUPERBLOCK_OFFSETS.entries()) {
    if (offset + SUPERBLOCK_BYTES > member.source.size) break;
    const found = parse(await readBytes(member.source, offset, SUPERBLOCK_BYTES), offset, member, index);
    if (found !== undefined && found.generation > (best?.generation ?? -1)) best = found;
    if (i === 0 && best !== undefined) break;
  }
  if (best === undefined) throw corrupt('BTRFS_SUPERBLOCK_CHECKSUM', 'its superblocks are damaged');
  return best;
}

/** Undefined when it is none or damaged. */
function parse(bytes: Uint8Array, place: number, member: VolumeMember, index: number): Component | undefined {
  const { csum_type: type, magic } = superblockRecord.fields;
  const view = viewOf(bytes);
  const checksum = BLOCK_CHECKSUMS[type.read(view, type.offset)];
  if (magic.read(view, magic.offset) !== BTRFS_MAGIC || checksum === undefined) return undefined;
  if (!hasChecksum(checksum, bytes, CHECKSUM_BYTES, SUPERBLOCK_BYTES, view, 0)) return undefined;
  const s = superblockRecord.read(bytes);
  if (s.bytenr !== place || s.dev_item_total_bytes <= place) return undefined;
  return {
    ...member,
    member: index,
    uuid: formatUuid(s.fsid),
    label: decodeField(s.label),
    generation: s.generation,
    device: s.dev_item_devid,
    size: s.dev_item_total_bytes,
  };
}

function join(components: readonly Component[], context: Context): VolumeGroup {
  const newest = components.reduce((best, one) => (one.generation > best.generation ? one : best));
  const name = newest.label === '' ? newest.uuid : newest.label;
  const devices: Component[] = [];
  for (const one of [...components].sort((a, b) => a.device - b.device || b.generation - a.generation)) {
    if (devices.at(-1)?.device === one.device) {
      one.context.report('error', 'BTRFS_DUPLICATE', `is a copy of device ${one.device}, which is not read`);
      continue;
    }
    if (one.generation < newest.generation) {
      const message = `is of generation ${one.generation}, the newest device is of ${newest.generation}`;
      one.context.report('warning', 'BTRFS_MEMBER_BEHIND', message);
    }
    devices.push(one);
  }
  const cut = devices.find(({ source, size }) => size > source.size);
  if (cut !== undefined) {
    const message = `device ${cut.device} has ${cut.size} bytes, ${cut.source.size} are there: the image is cut short`;
    context.at(escapeName(name)).report('error', 'BTRFS_TRUNCATED', message);
  }
  const volume = cut === undefined ? joined(devices, newest, name) : notRead(devices, newest, name);
  const unread = components
    .filter((one) => !devices.includes(one))
    .map(({ member, source }) => ({ member, start: 0, end: source.size }));
  return { name: null, volumes: [volume], tables: [], unused: [], unread };
}

function joined(devices: readonly Component[], newest: Component, name: string): GroupVolume {
  let end = 0;
  const sources: (BlockSource | null)[] = [];
  const segments = devices.map(({ member, source, size }) => {
    sources[member] = source;
    end += size;
    return { start: end - size, end, stripes: [{ member, start: 0 }], stripeBytes: 0 };
  });
  const source = spannedSource(`btrfs ${name}`, segments, sources);
  return { ...described(devices, newest, name), source, toMembers: (range) => source.toMembers(range) };
}

function notRead(devices: readonly Component[], newest: Component, name: string): GroupVolume {
  return { ...described(devices, newest, name), source: null, toMembers: () => [] };
}

function described(devices: readonly Component[], { uuid }: Component, name: string) {
  return {
    type: 'btrfs',
    name,
    uuid,
    devices: [],
    size: devices.reduce((sum, one) => sum + one.size, 0),
    places: devices.map(({ member, source, size }) => ({
      member,
      start: 0,
      end: Math.min(size, source.size),
    })),
    pinned: null,
  };
}
