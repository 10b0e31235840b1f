/**
 * btrfs, on one device or on several that lie end to end.
 *
 * superblock.ts bounds the geometry, devices.ts finds the devices, chunks.ts maps addresses to places, nodes.ts and
 * tree.ts read the trees, roots.ts says which there are. scan.ts lists the files of all subvolumes, sharing.ts what
 * they share; file.ts and data.ts read content; space.ts, unused.ts and metadata.ts say what the blocks are for. The
 * log tree is never replayed: a filesystem that has one is read as of its last commit, says so, and refuses to call
 * anything unused.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type {
  Filesystem,
  FilesystemDriver,
  FilesystemUsage,
  RemovedContent,
  Subvolume,
} from '../../../core/contracts/filesystem.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, type ImgoptError, isArtifactError, locate, unsupported } from '../../../core/errors.ts';
import type { ExtentSet } from '../../../core/extents.ts';
import { FileTableBuilder } from '../../../core/file-table.ts';
import { formatUuid } from '../../../core/text.ts';
import { ChunkMap } from './chunks.ts';
import { DataReader } from './data.ts';
import { type FoundDevices, findDevices } from './devices.ts';
import { featureNames } from './features.ts';
import { DecodedExtents, type Files, openFile, readLink } from './file.ts';
import { Numbering } from './inodes.ts';
import { big64 } from './keys.ts';
import { DEV_ITEM, ITEM, TREE } from './layout.ts';
import { metadataExtents } from './metadata.ts';
import { dataAt, itemAt, sizeOf } from './nodes.ts';
import { type Roots, readRoots, type SubvolumeRoot, subvolumesOf } from './roots.ts';
import { BtrfsScan, type ScanFindings } from './scan.ts';
import { readBlockGroups } from './space.ts';
import { probeSuperblock } from './superblock.ts';
import { TreeSearch, walkTree } from './tree.ts';
import { unusedExtents } from './unused.ts';
import type { Volume } from './volume.ts';

export const btrfsDriver: FilesystemDriver = {
  name: 'btrfs',
  probe: probeSuperblock,
  async open(source, context) {
    const found = await findDevices(source, context);
    const volume = await readChunks(source, context, found);
    const report = (error: ImgoptError): void => reportError(context, error);
    const roots = await readRoots(volume, report);
    const subvolumes = subvolumesOf(roots);
    if (subvolumes[0]?.tree !== TREE.filesystem) {
      throw corrupt('BTRFS_ROOT', 'the tree of the top level is missing: there is no root to start from', {
        advice: 'run btrfs check on the image, or build it again',
      });
    }
    const reasons: string[] = [];
    if (found.isRepaired) reasons.push('its superblock is damaged');
    if (volume.superblock.hasLog) reasons.push('its log tree waits to be replayed');
    if (volume.superblock.hasLog) {
      context.report('warning', 'BTRFS_NEEDS_RECOVERY', 'its log tree waits to be replayed');
    }
    reportState(volume, roots);
    const used = await usedBytes(volume, roots, report);
    return new BtrfsFilesystem(volume, roots, subvolumes, reasons, used);
  },
};

function reportError(context: Context, error: ImgoptError): void {
  const place = error.where.reduce((at, one) => at.at(one), context);
  place.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
}

/** The chunks of the superblock lead to the chunk tree, which has all of them, and the devices. */
async function readChunks(
  source: BlockSource,
  context: Context,
  { superblock, devices }: FoundDevices,
): Promise<Volume> {
  const chunks = new ChunkMap(source, devices, superblock.sectorSize);
  chunks.addSystemChunks(superblock.systemChunks);
  const volume: Volume = { source, context, superblock, devices, chunks };
  const uuids = new Map<number, string>();
  const { chunkRoot, chunkRootLevel, chunkRootGeneration } = superblock;
  const root = {
    tree: TREE.chunk,
    bytenr: chunkRoot,
    level: chunkRootLevel,
    generation: chunkRootGeneration,
  };
  const items: (() => void)[] = [];
  await walkTree(volume, root, {
    leaf: ({ view, at, count, bytes }) => {
      for (let i = 0; i < count; i++) {
        const item = itemAt(at, i);
        const type = view.getUint8(item + 8);
        const data = dataAt(view, at, item);
        const size = sizeOf(view, item);
        if (type === ITEM.chunkItem) {
          // Taken over once the walk is done, which needs the superblock's own chunks in order.
          const copy = new DataView(bytes.slice(data, data + size).buffer);
          const logical = big64(view, item + 9);
          items.push(() => chunks.add(copy, 0, size, logical));
        } else if (type === ITEM.devItem && size >= DEV_ITEM.bytes) {
          const uuid = formatUuid(bytes.subarray(data + DEV_ITEM.uuid, data + DEV_ITEM.uuid + 16));
          uuids.set(big64(view, data + DEV_ITEM.devid), uuid);
        }
      }
    },
    failed: (error) => {
      throw error.within('chunk tree');
    },
  });
  for (const add of items) add();
  chunks.finish();
  refuseMissing(volume, uuids);
  return volume;
}

/** A chunk of which no copy is here cannot be read: its device is named. */
function refuseMissing(
  { chunks, devices, context, superblock }: Volume,
  uuids: ReadonlyMap<number, string>,
): void {
  if (uuids.size !== superblock.deviceCount) {
    const message = `the superblock counts ${superblock.deviceCount} devices, the chunk tree has ${uuids.size}`;
    context.report('error', 'BTRFS_DEVICES', message);
  }
  const numbers = new Set([...chunks.missing, ...[...uuids.keys()].filter((id) => !devices.has(id))]);
  if (numbers.size === 0) return;
  const names = [...numbers]
    .sort((a, b) => a - b)
    .map((id) => `${id} (UUID ${uuids.get(id) ?? 'not known'})`);
  const message = `device ${names.join(', ')} of its ${uuids.size} devices is not here`;
  if (chunks.all.some(({ copies }) => copies.every((copy) => copy === null))) {
    throw unsupported('BTRFS_DEVICE_MISSING', message, { advice: 'give all devices of the filesystem' });
  }
  context.report('warning', 'BTRFS_DEGRADED', `${message}: the other copies are read`);
}

function reportState({ source, context, devices }: Volume, roots: Roots): void {
  for (const { id, start, size } of devices.values()) {
    if (start + size <= source.size) continue;
    context.report(
      'error',
      'BTRFS_TRUNCATED',
      `device ${id} has ${size} bytes by its superblock, ${source.size - start} are there`,
    );
  }
  if (roots.isBalancing) {
    context.report('info', 'BTRFS_BALANCE', 'a balance was interrupted; the next mount goes on with it');
  }
  const deleted = [...roots.trees.values()].filter(({ references, tree }) => references === 0 && tree >= 256);
  if (deleted.length > 0) {
    const message = `${deleted.length} subvolumes are deleted but not yet freed; the next mount frees them`;
    context.report('info', 'BTRFS_DELETED_SUBVOLUMES', message);
  }
}

/** Bytes of the devices that allocated extents take, all copies of them counted; undefined when they cannot be read. */
async function usedBytes(
  volume: Volume,
  roots: Roots,
  report: (error: ImgoptError) => void,
): Promise<number | undefined> {
  let isWhole = true;
  try {
    const groups = await readBlockGroups(volume, roots, (error) => {
      isWhole = false;
      report(error);
    });
    if (!isWhole) return undefined;
    return volume.chunks.all.reduce(
      (sum, { logical, copies }) => sum + (groups.get(logical) ?? 0) * copies.length,
      0,
    );
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    report(error);
    return undefined;
  }
}

const NOTHING: RemovedContent = { freed: 0, kept: 0 };

class BtrfsFilesystem implements Filesystem {
  readonly type = 'btrfs';
  readonly label: string | null;
  readonly uuid: string;
  readonly state: 'clean' | 'needs-recovery';
  readonly blockSize: number;
  readonly size: number;
  readonly features: readonly string[];
  private readonly volume: Volume;
  private readonly roots: Roots;
  private readonly subvolumeRoots: readonly SubvolumeRoot[];
  private readonly reasons: readonly string[];
  private readonly used: number | undefined;
  private readonly numbering: Numbering;
  private readonly files: Files;
  private findings: ScanFindings | undefined;
  private found: Subvolume[] = [];
  /** By position of a subvolume, then by the file's number in it. */
  private readonly removals = new Map<number, ReadonlyMap<number, RemovedContent>>();

  constructor(
    volume: Volume,
    roots: Roots,
    subvolumes: readonly SubvolumeRoot[],
    reasons: readonly string[],
    used: number | undefined,
  ) {
    const { superblock, source, devices } = volume;
    this.volume = volume;
    this.roots = roots;
    this.subvolumeRoots = subvolumes;
    this.reasons = reasons;
    this.used = used;
    this.label = superblock.label;
    this.uuid = superblock.uuid;
    this.state = reasons.length > 0 ? 'needs-recovery' : 'clean';
    this.blockSize = superblock.sectorSize;
    const end = Math.max(...[...devices.values()].map(({ start, size }) => start + size));
    this.size = Math.min(end, source.size);
    this.features = featureNames(superblock.incompat, superblock.compatRo);
    this.numbering = new Numbering(subvolumes.length);
    const search = new TreeSearch(volume);
    this.files = {
      volume,
      search,
      data: new DataReader(volume, search, roots.trees.get(TREE.checksum)),
      decoded: new DecodedExtents(),
    };
  }

  /**
   * Bytes of the devices, as `btrfs filesystem usage` counts them: what allocated extents take in all of their copies
   * is used (its line `Used`), the rest is not. Without the block groups' counts the superblock's is taken, which
   * counts each extent once.
   */
  usage(): FilesystemUsage {
    const used = Math.min(this.size, this.used ?? this.volume.superblock.usedBytes);
    return { used, unused: this.size - used };
  }

  async scan(builder: FileTableBuilder): Promise<void> {
    const { volume, roots, subvolumeRoots, numbering } = this;
    this.findings = await new BtrfsScan(volume, builder, roots, subvolumeRoots, numbering).run();
    const { shares, entries } = this.findings;
    this.found = [];
    this.removals.clear();
    for (const [index, one] of subvolumeRoots.entries()) {
      const entry = entries[index]!;
      if (entry < 0) continue;
      this.found.push({
        id: one.tree,
        entry,
        path: builder.path(entry),
        uuid: one.uuid,
        parentUuid: one.parentUuid,
        isReadOnly: one.isReadOnly,
        isDefault: one.tree === roots.defaultSubvolume,
        ...shares[index]!,
      });
    }
  }

  subvolumes(): readonly Subvolume[] {
    return this.found;
  }

  exclusiveTo(subvolumes: readonly number[]): number {
    if (this.findings === undefined) return 0;
    const { references, sets } = this.findings;
    const asked = new Set(subvolumes);
    const positions = [...this.subvolumeRoots.keys()].filter((at) =>
      asked.has(this.subvolumeRoots[at]!.tree),
    );
    return references.exclusiveTo(sets, new Set(positions));
  }

  removing(inode: number): RemovedContent {
    const { numbering, findings, removals } = this;
    if (findings === undefined) return NOTHING;
    const position = numbering.subvolumeOf(inode);
    let files = removals.get(position);
    if (files === undefined) {
      files = findings.references.removalsIn(findings.sets, position);
      removals.set(position, files);
    }
    return files.get(numbering.inodeOf(inode)) ?? NOTHING;
  }

  open(inode: number): Promise<BlockSource> {
    return this.locate(inode, (root, number) => openFile(this.files, root, number));
  }

  readLink(inode: number): Promise<Uint8Array> {
    return this.locate(inode, (root, number) => readLink(this.files, root, number));
  }

  private locate<T>(inode: number, work: (root: SubvolumeRoot, number: number) => Promise<T>): Promise<T> {
    const root = this.subvolumeRoots[this.numbering.subvolumeOf(inode)];
    const number = this.numbering.inodeOf(inode);
    const place = root === undefined ? `inode ${inode}` : `subvolume ${root.tree} > inode ${number}`;
    return locate(place, async () => {
      if (root === undefined) throw corrupt('BTRFS_INODE_UNUSED', 'there is no such inode');
      return await work(root, number);
    });
  }

  async unusedExtents(): Promise<ExtentSet> {
    if (this.state !== 'clean') {
      throw unsupported('BTRFS_NEEDS_RECOVERY', `what is unused is not known: ${this.reasons.join(', ')}`, {
        advice: 'shut the machine down cleanly before the image is taken, or mount and unmount it',
      });
    }
    return await unusedExtents(this.volume, this.roots, await this.scanned());
  }

  async metadataExtents(): Promise<ExtentSet> {
    return await metadataExtents(this.volume, this.roots);
  }

  private async scanned(): Promise<ScanFindings> {
    if (this.findings === undefined) {
      const builder = new FileTableBuilder();
      builder.beginSection();
      await this.scan(builder);
    }
    return this.findings!;
  }
}
