/** Opens VMDK files as the host does: siblings from the image's own folder only. */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { DiagnosticLog, RunContext } from '../../../src/core/context.ts';
import type { Disk, ImageContext, OpenedFile } from '../../../src/core/contracts/disk.ts';
import type { BlockExtent, BlockSource } from '../../../src/core/contracts/source.ts';
import { unreadable } from '../../../src/core/errors.ts';
import { vmdkFormat } from '../../../src/disk/formats/vmdk/vmdk.ts';
import { openFileSource } from '../../../src/sources/file.ts';
import { memorySource } from '../../../src/sources/memory.ts';
import { NO_MEMBERS } from '../../support/image-context.ts';

export interface OpenedDisk {
  readonly disk: Disk;
  readonly log: DiagnosticLog;
  /** Codes of all diagnostics so far. */
  codes(): string[];
  close(): Promise<void>;
}

/** Files that stand in for a folder on the host. */
export type Folder = Readonly<Record<string, Uint8Array>>;

class TestContext extends RunContext implements ImageContext {
  readonly file: ImageContext['file'];
  readonly members = NO_MEMBERS;
  readonly openFile: ImageContext['openFile'];

  constructor(log: DiagnosticLog, file: ImageContext['file'], openFile: ImageContext['openFile']) {
    super({ log, threads: 2 });
    this.file = file;
    this.openFile = openFile;
  }

  async openImage(reference: string): Promise<Disk> {
    const { source, file } = await this.openFile(reference);
    return vmdkFormat.open(source, new TestContext(this.log, file, this.openFile));
  }
}

function refuseOutside(reference: string): void {
  if (isAbsolute(reference) || reference.split(/[\\/]/).includes('..')) {
    throw unreadable('OUTSIDE', `${reference} lies outside of the image's folder`);
  }
}

async function open(
  source: BlockSource,
  file: ImageContext['file'],
  openFile: ImageContext['openFile'],
): Promise<OpenedDisk> {
  const log = new DiagnosticLog();
  const disk = await vmdkFormat.open(source, new TestContext(log, file, openFile));
  return {
    disk,
    log,
    codes: () => log.list().map((diagnostic) => diagnostic.code),
    close: () => disk.close(),
  };
}

/** Opens an image of the host. */
export async function openVmdk(path: string): Promise<OpenedDisk> {
  const openPath = async (full: string): Promise<OpenedFile> => {
    const source = await openFileSource(full);
    return { source, file: { path: full, fileSize: source.size, allocated: source.allocated } };
  };
  const { source, file } = await openPath(path);
  return open(source, file, async (reference) => {
    refuseOutside(reference);
    return openPath(join(dirname(path), reference));
  });
}

/** Opens the file `name` of a made-up folder. */
export async function openVmdkBytes(folder: Folder, name = 'disk.vmdk'): Promise<OpenedDisk> {
  const openName = async (reference: string): Promise<OpenedFile> => {
    refuseOutside(reference);
    const bytes = folder[basename(reference)];
    if (bytes === undefined) throw unreadable('NOT_FOUND', `no such file: ${reference}`);
    const source = memorySource(bytes, reference);
    return { source, file: { path: reference, fileSize: bytes.length, allocated: bytes.length } };
  };
  const { source, file } = await openName(name);
  return open(source, file, openName);
}

/** All extents of a source, checked to be an ordered, gapless, merged cover. */
export async function mapOf(
  source: BlockSource,
  range = { start: 0, end: source.size },
): Promise<BlockExtent[]> {
  const extents: BlockExtent[] = [];
  for await (const batch of source.extents(range)) extents.push(...batch);
  let at = range.start;
  let last: BlockExtent | undefined;
  for (const extent of extents) {
    if (extent.start !== at || extent.end <= extent.start) throw new Error(`map has a gap at ${at}`);
    const differs =
      last === undefined ||
      last.kind !== extent.kind ||
      last.compressed ||
      extent.compressed ||
      (last.stored === 0) !== (extent.stored === 0);
    if (!differs) throw new Error(`extents at ${at} are not merged`);
    at = extent.end;
    last = extent;
  }
  if (at !== range.end) throw new Error(`map ends at ${at}`);
  return extents;
}

/** A stretch of a map in the words of `qemu-img map`, however it is stored. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** Neighbours of a kind as one. */
export function merged(map: readonly Stretch[]): Stretch[] {
  const result: { start: number; end: number; kind: string }[] = [];
  for (const { start, end, kind } of map) {
    const last = result.at(-1);
    if (last !== undefined && last.kind === kind && last.end === start) last.end = end;
    else result.push({ start, end, kind });
  }
  return result;
}

/** What `qemu-img map --output=json` says, in our words. */
export function qemuMap(json: string): Stretch[] {
  const rows = JSON.parse(json) as {
    start: number;
    length: number;
    zero: boolean;
    data: boolean;
    present: boolean;
  }[];
  return merged(
    rows.map(({ start, length, data, present }) => ({
      start,
      end: start + length,
      kind: data ? 'data' : present ? 'zero' : 'hole',
    })),
  );
}
