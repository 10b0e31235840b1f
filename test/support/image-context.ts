/**
 * A plain ImageContext for tests of image formats: opens siblings in the image's folder, with the formats that
 * it is given, and refuses loops. The real one lives in src/inspect; this one shares no code with it.
 */
import { dirname, resolve } from 'node:path';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Diagnostic } from '../../src/core/contracts/context.ts';
import type {
  Disk,
  ImageContext,
  ImageFormat,
  MemberAccess,
  OpenedFile,
} from '../../src/core/contracts/disk.ts';
import type { BlockExtent, BlockSource } from '../../src/core/contracts/source.ts';
import { corrupt, ImgoptError, unsupported } from '../../src/core/errors.ts';
import { MAX_BACKING_DEPTH } from '../../src/core/limits.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { readProbe } from '../../src/sources/read.ts';
import { liveSectors, mutationsFor } from '../fuzz/mutate.ts';

/** For formats that are no containers. */
export const NO_MEMBERS: MemberAccess = {
  verifiesDigests: false,
  identify: async () => undefined,
  openImage: () => Promise.reject(new Error('no container')),
  decompress: async () => undefined,
};

class TestImageContext extends RunContext implements ImageContext {
  readonly file: ImageContext['file'];
  readonly members = NO_MEMBERS;
  private readonly formats: readonly ImageFormat[];
  private readonly chain: readonly string[];

  constructor(
    file: ImageContext['file'],
    formats: readonly ImageFormat[],
    log: DiagnosticLog,
    chain: readonly string[],
  ) {
    super({ log, threads: 2 });
    this.file = file;
    this.formats = formats;
    this.chain = chain;
  }

  async openFile(reference: string): Promise<OpenedFile> {
    const path = resolve(dirname(this.file.path), reference);
    const source = await openFileSource(path);
    return { source, file: { path, fileSize: source.size, allocated: source.allocated } };
  }

  openImage(reference: string, format?: string): Promise<Disk> {
    const path = resolve(dirname(this.file.path), reference);
    if (this.chain.includes(path) || this.chain.length >= MAX_BACKING_DEPTH) {
      throw corrupt('BACKING_LOOP', `${reference} is its own backing file`);
    }
    return openPath(path, this.formats, this.log, this.chain, format);
  }
}

async function openPath(
  path: string,
  formats: readonly ImageFormat[],
  log: DiagnosticLog,
  chain: readonly string[],
  format?: string,
): Promise<Disk> {
  const source = await openFileSource(path);
  try {
    const probe = await readProbe(source);
    const found =
      format === undefined
        ? (formats.find((one) => one.probe(probe)?.certainty === 'certain') ??
          formats.find((one) => one.name === 'raw'))
        : formats.find((one) => one.name === format);
    if (found === undefined) throw unsupported('FORMAT', `format ${format ?? '(none)'}`);
    const file = { path, fileSize: source.size, allocated: source.allocated };
    return await found.open(source, new TestImageContext(file, formats, log, [...chain, path]));
  } catch (error) {
    await source.close();
    throw error;
  }
}

export interface TestImage {
  readonly disk: Disk;
  diagnostics(): readonly Diagnostic[];
}

/** Opens a host file as an image with one of `formats`; the first that is certain, else raw. */
export async function openImage(
  path: string,
  formats: readonly ImageFormat[],
  format?: string,
): Promise<TestImage> {
  const log = new DiagnosticLog();
  const disk = await openPath(resolve(path), formats, log, [], format);
  return { disk, diagnostics: () => log.list() };
}

/** Opens bytes in memory as an image of `format`; it has no siblings. */
export async function openImageBytes(bytes: Uint8Array, format: ImageFormat): Promise<TestImage> {
  return openImageSource(memorySource(bytes), format);
}

/** Opens a source as an image of `format`; it has no siblings. */
export async function openImageSource(source: BlockSource, format: ImageFormat): Promise<TestImage> {
  const log = new DiagnosticLog();
  const file = { path: '/nowhere/image', fileSize: source.size, allocated: source.size };
  const disk = await format.open(source, new TestImageContext(file, [format], log, []));
  return { disk, diagnostics: () => log.list() };
}

/** The code of the error with which it cannot be opened or, if `isRead`, mapped and read; `none` if it can. */
export async function failureOf(bytes: Uint8Array, format: ImageFormat, isRead = false): Promise<string> {
  try {
    const { disk } = await openImageBytes(bytes, format);
    if (isRead) await readAll(disk.source);
    if (isRead) await readMap(disk.source);
  } catch (error) {
    if (error instanceof ImgoptError) return error.code;
    throw error;
  }
  return 'none';
}

/**
 * Mutates an image with fixed seeds: whatever comes out is a disk or one of our errors.
 * @param isStructure which sectors may be damaged, by their offset: what is the guest's teaches nothing
 */
export async function answersDamage(
  image: Buffer,
  format: ImageFormat,
  isStructure: (at: number) => boolean = (at) => at < 2048,
): Promise<void> {
  const sectors = liveSectors(image).filter(isStructure);
  for (let seed = 1; seed <= 150; seed++) {
    let bytes = Buffer.from(image);
    for (const mutation of mutationsFor(image, sectors, seed)) {
      if (mutation.kind === 'truncate') bytes = bytes.subarray(0, mutation.size);
      else
        bytes.set(
          mutation.bytes.subarray(0, Math.max(0, bytes.length - mutation.at)),
          Math.min(mutation.at, bytes.length),
        );
    }
    await failureOf(bytes, format, seed % 5 === 0);
  }
}

/** The whole of a source, read in pieces of `step` bytes. */
export async function readAll(source: BlockSource, step = 1 << 20): Promise<Buffer> {
  const bytes = Buffer.alloc(source.size, 0xa5); // not zero: a read that leaves a gap must show
  for (let at = 0; at < bytes.length; at += step) {
    await source.read(bytes.subarray(at, Math.min(bytes.length, at + step)), at);
  }
  return bytes;
}

/** The whole map, checked to be ordered, gapless and complete. */
export async function readMap(
  source: BlockSource,
  range?: { start: number; end: number },
): Promise<BlockExtent[]> {
  const extents: BlockExtent[] = [];
  let at = range?.start ?? 0;
  for await (const batch of source.extents(range)) {
    for (const extent of batch) {
      if (extent.start !== at || extent.end <= at) throw new Error(`map: gap or overlap at ${at}`);
      at = extent.end;
      extents.push(extent);
    }
  }
  if (at !== (range?.end ?? source.size)) throw new Error(`map: ends at ${at}`);
  return extents;
}

/** Bytes that tell where they were written: every 16 hold their offset and `seed`, so a shift is legible. */
export function positionCoded(offset: number, length: number, seed: string): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 16) {
    bytes.write(`${seed.padEnd(4).slice(0, 4)}${(offset + at).toString(16).padStart(12, '0')}`, at, 'latin1');
  }
  return bytes;
}

/** Deterministic random numbers in [0, 1) (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
