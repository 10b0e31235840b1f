/**
 * `optimize`: unused extents → overlay → format writer → verify → rename.
 *
 * The source is inspected once. The plan says what is dropped; an overlay makes it read as zeros; the writer of the
 * target's format walks the overlay. The result goes to a temporary file in the target's folder, is opened again
 * and compared, and only then gets its name. The source is never written to, and whether it held still is checked
 * at the end.
 */
import { stat } from 'node:fs/promises';

import type { RunContext } from '../core/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { BlockExtent, BlockSource } from '../core/contracts/source.ts';
import type { ImageWriter, WriterOptions } from '../core/contracts/writer.ts';
import { system, unsupported, usage } from '../core/errors.ts';
import { ExtentBuilder } from '../core/extents.ts';
import { isSameFile, OutputFile } from '../core/output-file.ts';
import { SealLog } from '../core/seals.ts';
import { inspect } from '../inspect/inspect.ts';
import { overlaySource } from '../sources/overlay.ts';
import { createBmap } from './bmap.ts';
import { accountFor, type OptimizeResult } from './books.ts';
import { assertNotInUse, assertUnchanged, readLocks, stampFiles } from './changes.ts';
import { chooseWriter } from './choose.ts';
import { fileOutput } from './file-output.ts';
import type { OptimizeOptions } from './options.ts';
import { type Plan, planDrops } from './plan.ts';
import { predictSize } from './predict.ts';
import { compareStream, verifyOutput } from './verify.ts';

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
    remote: options.remote,
  });
  try {
    refuseTree(inspection);
    const others = inspection.disk.files.slice(1).map((file) => file.path);
    const stamps = [...started, ...(await stampFiles(others))];
    if (!options.force) await assertNotInUse(inspection, stamps, await readLocks());
    const plan = planDrops(inspection, options);
    if (inspection.disk.container !== undefined) {
      const { refuseSeveral, writesContainer, writeContainer } = await import('./container.ts');
      if (writesContainer(inspection, options))
        return await writeContainer({ inspection, plan, stamps }, options, context);
      refuseSeveral(inspection);
    }
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
    const seals = new SealLog();
    await writer.write(
      disk,
      fileOutput(file),
      options.verify ? { ...writerOptions, seals } : writerOptions,
      context,
    );
    // The disk takes it while we read it back.
    const flushing = file.flush();
    flushing.catch(() => {}); // awaited below, or a mismatch was found before
    const isStream = writer.format === 'raw' && writerOptions.compression !== 'none';
    const verified = !options.verify
      ? null
      : isStream
        ? await compareStream(disk, file.temporary, context, seals)
        : await verifyOutput(
            file.temporary,
            inspection,
            disk,
            sizeIn(writer, disk, writerOptions),
            options,
            context,
            seals,
          );
    await flushing;
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

function sizeIn(writer: ImageWriter, disk: BlockSource, options: WriterOptions): number {
  return writer.virtualSize?.(disk.size, options) ?? disk.size;
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
