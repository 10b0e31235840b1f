/**
 * `optimize`: unused extents → overlay → format writer → verify → rename.
 *
 * The source is inspected once. The plan says what is dropped; an overlay makes it read as zeros; the writer of the
 * target's format walks the overlay. The result goes to a temporary file in the target's folder, is opened again
 * and compared, and only then gets its name. The source is never written to, and whether it held still is checked
 * at the end.
 */
import { stat } from 'node:fs/promises';

import { DiagnosticLog, RunContext } from '../core/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Drivers } from '../core/contracts/registry.ts';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type {
  ImageCompression,
  ImageOutput,
  ImageWriter,
  WriterOptions,
  WriteTally,
} from '../core/contracts/writer.ts';
import { system, unsupported, usage } from '../core/errors.ts';
import { ExtentBuilder } from '../core/extents.ts';
import { isSameFile, OutputFile } from '../core/output-file.ts';
import { inspect } from '../inspect/inspect.ts';
import { overlaySource } from '../sources/overlay.ts';
import { createBmap } from './bmap.ts';
import { accountFor, type OptimizeResult } from './books.ts';
import { assertNotInUse, assertUnchanged, readLocks, stampFiles } from './changes.ts';
import { type Plan, planDrops } from './plan.ts';
import { predictSize } from './predict.ts';
import { compareDisks, compareStream, compareTrees } from './verify.ts';

export interface OptimizeOptions {
  readonly drivers: Drivers;
  readonly writers: readonly ImageWriter[];
  readonly followOutside: boolean;
  /** Null for a dry run. */
  readonly output: { readonly path: string } | { readonly stream: ImageOutput } | null;
  /** qemu-img's name; the source's own format when undefined. */
  readonly to?: string | undefined;
  readonly subformat?: string | undefined;
  /** The format's default when undefined. */
  readonly compression?: ImageCompression | undefined;
  readonly level?: number | undefined;
  readonly clusterSize?: number | undefined;
  readonly keepUnused: readonly string[];
  readonly dropSwap: boolean;
  readonly dropSnapshots: boolean;
  readonly keepBacking: boolean;
  readonly verify: boolean;
  readonly force: boolean;
  /** Write a block map of the raw output there. */
  readonly bmap?: string;
}

/**
 * Writes the smaller image.
 * @throws ImgoptError of every family; no output is left behind then
 */
export async function optimize(
  path: string,
  options: OptimizeOptions,
  context: RunContext,
): Promise<OptimizeResult> {
  const started = await stampFiles([path]).catch(() => []); // that there is nothing, `inspect` says better
  const inspection = await inspect(path, context, {
    drivers: options.drivers,
    followOutside: options.followOutside,
  });
  try {
    refuseTree(inspection);
    const others = inspection.disk.files.slice(1).map((file) => file.path);
    const stamps = [...started, ...(await stampFiles(others))];
    if (!options.force) await assertNotInUse(inspection, stamps, await readLocks());
    const plan = planDrops(inspection, options);
    const { writer, writerOptions } = chooseWriter(inspection, options);
    await refuseOutputs(inspection, options, writer, writerOptions);
    const disk = await plannedDisk(inspection, plan, writerOptions);
    if (options.output === null) {
      const { units } = writer;
      if (units === undefined) {
        throw unsupported('NO_PREDICTION', `the size of a ${writer.format} image cannot be foretold`);
      }
      const prediction = await predictSize(disk, units(writerOptions), context);
      return await accountFor(inspection, plan, { writer, writerOptions, disk, prediction });
    }
    if ('stream' in options.output) {
      await writer.write(disk, options.output.stream, writerOptions, context);
      await assertUnchanged(stamps);
      return await accountFor(inspection, plan, { writer, writerOptions, disk });
    }
    return await writeFile(
      options.output.path,
      { inspection, plan, writer, writerOptions, disk, stamps },
      options,
      context,
    );
  } finally {
    await inspection.close();
  }
}

/** @throws ImgoptError `usage` for an archive of files: there is no disk to write */
function refuseTree({ artifact, disk }: Inspection): void {
  if (disk.tree === undefined) return;
  throw usage('NO_DISK_IMAGE', `is ${artifact.format}, an archive of files and no disk image`, {
    where: [artifact.path],
    advice: "see what could go with 'imgopt analyze'",
  });
}

interface Job {
  readonly inspection: Inspection;
  readonly plan: Plan;
  readonly writer: ImageWriter;
  readonly writerOptions: WriterOptions;
  readonly disk: BlockSource;
  readonly stamps: Awaited<ReturnType<typeof stampFiles>>;
}

async function writeFile(
  path: string,
  { inspection, plan, writer, writerOptions, disk, stamps }: Job,
  options: OptimizeOptions,
  context: RunContext,
): Promise<OptimizeResult> {
  const file = await OutputFile.create(path, { force: options.force });
  try {
    await writer.write(disk, fileOutput(file), writerOptions, context);
    const isStream = writer.format === 'raw' && writerOptions.compression !== 'none';
    const verified = !options.verify
      ? null
      : isStream
        ? await compareStream(disk, file.temporary, context)
        : await verify(
            file.temporary,
            inspection,
            disk,
            sizeIn(writer, disk, writerOptions),
            options,
            context,
          );
    await assertUnchanged(stamps);
    context.signal.throwIfAborted();
    const { size, blocks } = await stat(file.temporary).catch((error: unknown) => {
      throw system(error, [path]);
    });
    const result = await accountFor(inspection, plan, {
      writer,
      writerOptions,
      disk,
      output: { path, size, allocated: process.platform === 'win32' ? size : blocks * 512, verified },
    });
    const map =
      options.bmap === undefined ? undefined : await writeBmap(options.bmap, disk, options, context);
    try {
      await file.finish();
      await map?.finish();
    } finally {
      await map?.abort();
    }
    return result;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

/** Written, and not yet named. */
async function writeBmap(
  path: string,
  disk: BlockSource,
  options: OptimizeOptions,
  context: RunContext,
): Promise<OutputFile> {
  const file = await OutputFile.create(path, { force: options.force });
  try {
    await file.write(Buffer.from(await createBmap(disk, context)));
    return file;
  } catch (error) {
    await file.abort();
    throw error;
  }
}

function fileOutput(file: OutputFile): ImageOutput {
  return {
    isSequential: false,
    write: (bytes, offset) => file.writeAt(bytes, offset),
    setSize: (size) => file.setSize(size),
  };
}

function sizeIn(writer: ImageWriter, disk: BlockSource, options: WriterOptions): number {
  return writer.virtualSize?.(disk.size, options) ?? disk.size;
}

/** Opens the output as a stranger would, and compares. Returns the bytes compared. */
async function verify(
  temporary: string,
  inspection: Inspection,
  disk: BlockSource,
  size: number,
  options: OptimizeOptions,
  context: RunContext,
): Promise<number> {
  const { signal, threads, progress } = context;
  // What there is to say of the content was said of the source.
  const quiet = new RunContext({ log: new DiagnosticLog(), signal, threads, progress });
  const { drivers, followOutside } = options;
  const output = await inspect(temporary, quiet, { drivers, followOutside });
  try {
    const compared = await compareDisks(disk, output.disk.source, context, size);
    compareTrees(inspection, output);
    return compared;
  } finally {
    await output.close();
  }
}

function chooseWriter(
  inspection: Inspection,
  options: OptimizeOptions,
): { writer: ImageWriter; writerOptions: WriterOptions & { tally: WriteTally } } {
  const wanted = options.to === 'vhd' ? 'vpc' : (options.to ?? inspection.artifact.format);
  const writer = options.writers.find(({ format }) => format === wanted);
  if (writer === undefined) {
    throw usage('NO_WRITER', `imgopt does not write ${wanted}`, {
      advice: `choose one with --to: ${options.writers.map(({ format }) => format).join(', ')}`,
    });
  }
  const compression = options.compression ?? writer.compressions[0] ?? 'none';
  if (!writer.compressions.includes(compression)) {
    throw usage('NO_COMPRESSION', `${wanted} has no compression '${compression}'`, {
      advice: `choose one of ${writer.compressions.join(', ')}`,
    });
  }
  const { subformat } = options;
  if (subformat !== undefined && !writer.subformats.includes(subformat)) {
    throw usage('NO_SUBFORMAT', `${wanted} has no subformat '${subformat}'`, {
      advice:
        writer.subformats.length > 0
          ? `choose one of ${writer.subformats.join(', ')}`
          : 'leave --subformat out',
    });
  }
  return {
    writer,
    writerOptions: {
      compression,
      details: inspection.artifact.format === wanted ? inspection.disk.details : {},
      tally: { zero: 0, plain: 0, compressed: 0, packed: 0 },
      ...(subformat === undefined ? {} : { subformat }),
      ...(options.level === undefined ? {} : { level: options.level }),
      ...(options.clusterSize === undefined ? {} : { clusterSize: options.clusterSize }),
      ...(options.keepBacking ? { backing: keptBacking(inspection, wanted) } : {}),
    },
  };
}

function keptBacking(inspection: Inspection, format: string): { reference: string; format: string } {
  const { backingFile, backingFormat } = inspection.disk.details;
  const [first] = inspection.artifact.backing;
  if (format !== 'qcow2' || typeof backingFile !== 'string' || first === undefined) {
    throw usage('NO_BACKING', '--keep-backing needs a qcow2 image with a backing file, and qcow2 output', {
      where: [inspection.artifact.path],
    });
  }
  return { reference: backingFile, format: typeof backingFormat === 'string' ? backingFormat : first.format };
}

async function refuseOutputs(
  inspection: Inspection,
  { output }: OptimizeOptions,
  writer: ImageWriter,
  writerOptions: WriterOptions,
): Promise<void> {
  if (output === null) return;
  if ('stream' in output) {
    if (writer.canStream(writerOptions)) return;
    throw usage(
      'NOT_STREAMABLE',
      `${writer.format} cannot be written to a pipe: its beginning is known last`,
      {
        advice: 'name a file with --output',
      },
    );
  }
  for (const file of inspection.disk.files) {
    if (!(await isSameFile(output.path, file.path))) continue;
    throw usage('OUTPUT_IS_INPUT', 'the output is a file of the image itself', {
      where: [output.path],
      advice: 'choose another --output',
    });
  }
}

/** The source as planned. */
async function plannedDisk(
  { disk }: Inspection,
  { dropped }: Plan,
  options: WriterOptions,
): Promise<BlockSource> {
  if (options.backing === undefined) return overlaySource(disk.source, dropped);
  // What the backing file holds is not ours to drop: only what the image itself stores turns into zeros.
  const stored = new ExtentBuilder();
  for await (const extents of disk.source.extents()) {
    for (const one of extents) if (isStored(one)) stored.add(one.start, one.end);
  }
  return overlaySource(disk.source, dropped.intersect(stored.build()), 'zero');
}

function isStored(extent: BlockExtent): boolean {
  return extent.kind === 'data' && extent.stored > 0;
}
