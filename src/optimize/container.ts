/**
 * OVA and Vagrant box in and out: every disk in it is written again, smaller, and what describes the disks (sizes,
 * digests, metadata) is corrected by the container itself, which alone knows how.
 *
 * A tar's header tells the size of what follows, so each disk is written to a temporary file in the target's folder
 * first; a compressed archive can only be written from its beginning anyway. Members that do not change are copied.
 */
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { RunContext } from '../core/context.ts';
import type { ByteSink, Compressor } from '../core/contracts/compressor.ts';
import type { ContainedDisk, Container, Disk, WrittenImage } from '../core/contracts/disk.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import type { WriteTally } from '../core/contracts/writer.ts';
import { system, unsupported, usage } from '../core/errors.ts';
import { isSameFile, OutputFile } from '../core/output-file.ts';
import { escapeName } from '../core/text.ts';
import { openFileSource } from '../sources/file.ts';
import { overlaySource } from '../sources/overlay.ts';
import { sliceSource } from '../sources/slice.ts';
import { accountFor, type OptimizeResult } from './books.ts';
import { assertUnchanged, type FileStamp } from './changes.ts';
import { type ChosenWriter, writerFor } from './choose.ts';
import { fileOutput } from './file-output.ts';
import type { OptimizeOptions } from './options.ts';
import type { Plan } from './plan.ts';
import { type Prediction, predictSize } from './predict.ts';
import { writeTar } from './tar-writer.ts';
import { verifyOutput } from './verify.ts';

/** A descriptor and its disks, archived or not, become an archive. */
const ARCHIVE_OF: Readonly<Record<string, string>> = { ova: 'ova', ovf: 'ova', box: 'box', tar: 'tar' };
const PIECE_BYTES = 1024 * 1024;

/** Whether the output is a container again, rather than the one disk out of it. */
export function writesContainer({ artifact, disk }: Inspection, { to }: OptimizeOptions): boolean {
  if (disk.container === undefined) return false;
  return to === undefined || to === ARCHIVE_OF[artifact.format];
}

/** @throws ImgoptError `usage` when one disk is asked for and there are several */
export function refuseSeveral({ artifact, disk }: Inspection): void {
  const count = disk.container?.disks.length ?? 1;
  if (count < 2) return;
  throw usage('SEVERAL_DISKS', `holds ${count} disks, and one image can hold only one`, {
    where: [artifact.path],
    advice: 'leave --to out to write the container again',
  });
}

interface Job {
  readonly inspection: Inspection;
  readonly plan: Plan;
  readonly stamps: readonly FileStamp[];
}

interface PlannedDisk extends ChosenWriter {
  readonly contained: ContainedDisk;
  /** As planned, unused blocks dropped. */
  readonly source: BlockSource;
}

/**
 * Writes the container around smaller disks, or foretells it.
 * @throws ImgoptError of every family; no output is left behind then
 */
export async function writeContainer(
  job: Job,
  options: OptimizeOptions,
  context: RunContext,
): Promise<OptimizeResult> {
  const { inspection, plan, stamps } = job;
  const { artifact, disk } = inspection;
  const container = disk.container!;
  if (options.keepBacking)
    throw usage('NO_BACKING', '--keep-backing is for a single qcow2 image', { where: [artifact.path] });
  const planned = overlaySource(disk.source, plan.dropped);
  const disks = container.disks.map((one) => planDisk(one, planned, artifact.format, options));
  const outer = await outerCompressor(disk, artifact.path);
  if (options.output === null) return foretell(job, disks, planned, context);
  if (artifact.format === 'ovf' && options.to === undefined) {
    throw usage('NO_WRITER', `imgopt does not write ${artifact.format}`, {
      where: [artifact.path],
      advice: 'write an archive of the whole machine with --to ova, or one disk with --to qcow2',
    });
  }
  if ('stream' in options.output) {
    const { stream } = options.output;
    let at = 0;
    const sink = async (bytes: Uint8Array): Promise<void> => {
      await stream.write(bytes, at);
      at += bytes.length;
    };
    const folder = tmpdir();
    await writeArchive({ container, disks, outer, folder, name: artifact.path }, sink, context);
    await assertUnchanged(stamps);
    return accountFor(inspection, plan, outcomeOf(job, disks, planned));
  }
  const { path } = options.output;
  for (const file of disk.files) {
    if (await isSameFile(path, file.path))
      throw usage('OUTPUT_IS_INPUT', 'the output is a file of the image itself', {
        where: [path],
        advice: 'choose another --output',
      });
  }
  const file = await OutputFile.create(path, { force: options.force });
  try {
    const archive = { container, disks, outer, folder: dirname(path), name: artifact.path };
    await writeArchive(archive, (bytes) => file.write(bytes), context);
    await file.flush();
    const verified = options.verify
      ? await verifyOutput(file.temporary, inspection, planned, planned.size, options, context)
      : null;
    await assertUnchanged(stamps);
    context.signal.throwIfAborted();
    const { size, blocks } = await stat(file.temporary).catch((error: unknown) => {
      throw system(error, [path]);
    });
    const allocated = process.platform === 'win32' ? size : blocks * 512;
    const result = await accountFor(inspection, plan, {
      ...outcomeOf(job, disks, planned),
      output: { path, size, allocated, verified },
    });
    await file.finish();
    return result;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** The disk's own format and variant; what an OVA's importers want is streamOptimized. */
function planDisk(
  contained: ContainedDisk,
  planned: BlockSource,
  format: string,
  options: OptimizeOptions,
): PlannedDisk {
  const { name, start, size, disk } = contained;
  if (disk === null)
    throw unsupported(
      'DISK_NOT_READ',
      `its disk '${escapeName(name)}' could not be read, so that it cannot be written`,
    );
  const subformat = options.subformat ?? subformatOf(disk, format);
  const compression = options.compression ?? (subformat === 'monolithicSparse' ? 'none' : undefined);
  const chosen = writerFor(disk.format, disk.details, {
    ...options,
    subformat,
    ...(compression === undefined ? {} : { compression }),
  });
  const rounded = chosen.writer.virtualSize?.(size, chosen.writerOptions) ?? size;
  if (rounded !== size) {
    throw unsupported(
      'DISK_ROUNDED',
      `its disk '${escapeName(name)}' would have ${rounded} bytes instead of ${size} in ${disk.format}`,
      { advice: 'write it as a single image with --to' },
    );
  }
  return { ...chosen, contained, source: sliceSource(planned, start, size) };
}

function subformatOf({ format, details }: Disk, container: string): string | undefined {
  const { subformat } = details;
  if (format !== 'vmdk') return typeof subformat === 'string' && format !== 'raw' ? subformat : undefined;
  if (container === 'ova' || container === 'ovf') return 'streamOptimized';
  // A disk in pieces becomes one file of the kind that a machine can run from.
  return subformat === 'streamOptimized' ? 'streamOptimized' : 'monolithicSparse';
}

/** What compresses the archive as a whole; undefined when nothing does. */
async function outerCompressor({ details }: Disk, path: string): Promise<Compressor | undefined> {
  if (typeof details.compressedWith !== 'string') return undefined;
  return compressorNamed(details.compressedWith, path);
}

async function compressorNamed(name: string, path: string): Promise<Compressor> {
  const { COMPRESSORS } = await import('../compressors/detect.ts');
  const found = COMPRESSORS.find((one) => one.name === name);
  if (found === undefined) {
    throw usage('NO_COMPRESSION', `is compressed with ${name}, which imgopt does not write`, {
      where: [path],
      advice: 'decompress it first',
    });
  }
  return found;
}

interface Archive {
  readonly container: Container;
  readonly disks: readonly PlannedDisk[];
  readonly outer: Compressor | undefined;
  /** For temporary files. */
  readonly folder: string;
  /** Of the artifact, for messages. */
  readonly name: string;
}

async function writeArchive(
  { container, disks, outer, folder, name }: Archive,
  sink: ByteSink,
  context: RunContext,
): Promise<void> {
  const temporaries: OutputFile[] = [];
  const opened: BlockSource[] = [];
  try {
    const images: WrittenImage[] = [];
    for (const one of disks) {
      const source = await writeDisk(one, { folder, name, temporaries }, context);
      opened.push(source);
      const { plain, compressed } = one.writerOptions.tally;
      images.push({
        source,
        populated: Math.min(one.source.size, plain + compressed),
        virtualSize: one.source.size,
      });
    }
    const { members, warnings } = await container.repack(images);
    for (const warning of warnings) context.at(name).report('warning', 'CONTAINER_CHANGED', warning);
    const chunks = writeTar(members, context);
    if (outer === undefined) for await (const chunk of chunks) await sink(chunk);
    else await outer.compress(chunks, sink, {}, context);
  } finally {
    await Promise.all(opened.map((source) => source.close()));
    await Promise.all(temporaries.map((file) => file.abort()));
  }
}

/** The image of one disk, in a temporary file that `temporaries` owns. */
async function writeDisk(
  { contained, source, writer, writerOptions }: PlannedDisk,
  { folder, name, temporaries }: { folder: string; name: string; temporaries: OutputFile[] },
  context: RunContext,
): Promise<BlockSource> {
  const create = async (): Promise<OutputFile> => {
    const file = await OutputFile.create(join(folder, 'disk'), { force: true, mode: 0o600 });
    temporaries.push(file);
    return file;
  };
  const file = await create();
  await writer.write(source, fileOutput(file), writerOptions, context);
  await file.flush();
  const image = await openFileSource(file.temporary);
  if (contained.compressedWith === null) return image;
  try {
    const compressor = await compressorNamed(contained.compressedWith, name);
    const packed = await create();
    await compressor.compress(chunksOf(image), (bytes) => packed.write(bytes), {}, context);
    await packed.flush();
    return await openFileSource(packed.temporary);
  } finally {
    await image.close();
  }
}

async function* chunksOf(source: BlockSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; at += PIECE_BYTES) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, source.size - at));
    await source.read(chunk, at);
    yield chunk;
  }
}

/** The books are the container's: its format, and what all of its disks store. */
function outcomeOf(
  { inspection }: Job,
  disks: readonly PlannedDisk[],
  disk: BlockSource,
): Parameters<typeof accountFor>[2] {
  const [first] = disks;
  const tally: WriteTally = { zero: 0, plain: 0, compressed: 0, packed: 0 };
  for (const { writerOptions } of disks) {
    for (const key of ['zero', 'plain', 'compressed', 'packed'] as const)
      tally[key] += writerOptions.tally[key];
  }
  const subformat = writerOptionsText(disks);
  return {
    writer: {
      ...first!.writer,
      format: ARCHIVE_OF[inspection.artifact.format] ?? inspection.artifact.format,
      subformats: [],
    },
    writerOptions: { ...first!.writerOptions, subformat, tally },
    disk,
  };
}

/** What the disks in it are: `vmdk streamOptimized`. */
function writerOptionsText(disks: readonly PlannedDisk[]): string {
  const kinds = disks.map(({ writer, writerOptions }) =>
    [writer.format, writerOptions.subformat ?? writer.subformats[0]]
      .filter((one) => one !== undefined)
      .join(' '),
  );
  return [...new Set(kinds)].join(', ');
}

/** Sums over the disks; errors of independent samples add up in squares. */
async function foretell(
  job: Job,
  disks: readonly PlannedDisk[],
  planned: BlockSource,
  context: RunContext,
): Promise<OptimizeResult> {
  let sum: Prediction = { bytes: 0, error: 0, sampled: 0, units: 0 };
  for (const { source, writer, writerOptions } of disks) {
    if (writer.units === undefined)
      throw unsupported('NO_PREDICTION', `the size of a ${writer.format} image cannot be foretold`);
    const one = await predictSize(source, writer.units(writerOptions), context);
    sum = {
      bytes: sum.bytes + one.bytes,
      error: Math.hypot(sum.error, one.error),
      sampled: sum.sampled + one.sampled,
      units: sum.units + one.units,
    };
  }
  return accountFor(job.inspection, job.plan, { ...outcomeOf(job, disks, planned), prediction: sum });
}
