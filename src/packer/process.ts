/**
 * One image through the steps: analyze → check → optimize → compress, in the order that is wanted, each on what the
 * one before left. What an earlier run left beside the image is removed before anything else, even before the image
 * is opened, so that nothing can take a file of another build for this one's; a step that fails leaves nothing of its
 * own, and ends the run.
 *
 * A budget that does not hold is an answer, not a failure: the other steps go on, and the run ends with exit code 1,
 * which `valid_exit_codes` may allow.
 *
 * With `keepInput` the image stays as Packer made it and the result lies beside it. Otherwise the result takes its
 * name, by a rename, once it is complete and verified; should it be no smaller, the image stays.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { compressFile, SUFFIX_OF } from '../compressors/compress-file.ts';
import { checksumLine } from '../core/checksum-line.ts';
import type { RunContext } from '../core/context.ts';
import type { Drivers } from '../core/contracts/registry.ts';
import type { Report } from '../core/contracts/report.ts';
import type { ImageWriter } from '../core/contracts/writer.ts';
import { system } from '../core/errors.ts';
import { isSameFile } from '../core/output-file.ts';
import { isMeasured } from '../core/report.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { optimize } from '../optimize/optimize.ts';
import { checksumPath, isResultOf, optimizedPath, replacedPath, reportPath } from './names.ts';
import type { PackerOptions, Step } from './options.ts';
import { writeText } from './write-text.ts';

export interface PackerImage {
  readonly path: string;
  /** Every host file that it consists of, `path` among them; backing files are not. */
  readonly files: readonly string[];
  readonly report: Report;
}

export interface CheckOutcome {
  readonly passed: boolean;
  /** Plain lines that say what was measured. */
  readonly lines: readonly string[];
}

export interface Tools {
  readonly drivers: Drivers;
  readonly writers: readonly ImageWriter[];
  readonly check: (path: string) => Promise<CheckOutcome>;
  /** A context of its own for each step. */
  readonly context: () => RunContext;
  /** A line for people. */
  readonly say: (line: string) => void;
}

export interface ImageResult {
  /** The image as it was found. */
  readonly input: string;
  readonly inputSize: number;
  /** What the steps made of it; the image itself when nothing was written. */
  readonly output: string;
  readonly outputSize: number;
  /** The image that was found is no more, and `output` took its place. */
  readonly replaced: boolean;
  readonly removed: readonly string[];
  readonly report: string | null;
  readonly checksum: string | null;
  /** Null when nothing was checked. */
  readonly passed: boolean | null;
}

/**
 * Removes what an earlier run left of an image, as far as this one would write it: other files are not ours.
 * @param path of the image
 */
export async function clearResults(
  path: string,
  steps: readonly Step[],
  { report, checksum }: PackerOptions,
): Promise<void> {
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    // That there is no image either, who opens it says better.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw system(error, [dirname(path)]);
  });
  const isWritten = (name: string): boolean => {
    if (name.includes('.optimized.')) return steps.includes('optimize');
    if (/\.(?:zst|gz)(?:\.sha256)?$/.test(name)) return steps.includes('compress');
    return name.endsWith('.sha256') ? checksum : report && steps.includes('analyze');
  };
  for (const name of names) {
    const one = join(dirname(path), name);
    if (isResultOf(one, path) && isWritten(name)) await remove(one);
  }
}

/**
 * @throws ImgoptError of every family; what the steps before had made stays
 */
export async function processImage(
  image: PackerImage,
  steps: readonly Step[],
  options: PackerOptions,
  tools: Tools,
): Promise<ImageResult> {
  const run = new ImageRun(image, options, tools, await sizeOf(image.path));
  for (const step of steps) {
    tools.context().signal.throwIfAborted();
    await run[step]();
  }
  return run.finish();
}

class ImageRun {
  private readonly image: PackerImage;
  private readonly options: PackerOptions;
  private readonly tools: Tools;
  private current: string;
  private readonly removed: string[] = [];
  private reportFile: string | null = null;
  private passed: boolean | null = null;
  private isReplaced = false;
  private readonly inputSize: number;

  constructor(image: PackerImage, options: PackerOptions, tools: Tools, inputSize: number) {
    this.image = image;
    this.options = options;
    this.tools = tools;
    this.inputSize = inputSize;
    this.current = image.path;
  }

  private get format(): string {
    return this.image.report.artifact.format;
  }

  private get target(): string {
    return this.options.optimize.format ?? this.format;
  }

  async analyze(): Promise<void> {
    const { report, path } = this.image;
    this.tools.say(`analyze: ${describe(report, path)}`);
    const reclaimable = safetyLine(report);
    if (reclaimable !== '') this.tools.say(`analyze: could be removed: ${reclaimable}`);
    for (const { severity, message } of report.diagnostics) {
      if (severity !== 'info') this.tools.say(`analyze: ${severity}: ${message}`);
    }
    if (!this.options.report) return;
    this.reportFile = reportPath(path);
    await writeText(this.reportFile, `${JSON.stringify(report, null, 2)}\n`);
    this.tools.say(`analyze: report in ${this.reportFile}`);
  }

  async check(): Promise<void> {
    const { passed, lines } = await this.tools.check(this.current);
    for (const line of lines) this.tools.say(`check: ${line}`);
    this.passed = passed && this.passed !== false;
  }

  async optimize(): Promise<void> {
    const { drivers, writers, say } = this.tools;
    const output = optimizedPath(this.image.path, this.target, this.format);
    const { format, subformat, compression, level } = this.options.optimize;
    const before = this.current;
    const result = await optimize(
      before,
      {
        drivers,
        writers,
        followOutside: false,
        output: { path: output },
        to: format,
        subformat: subformat ?? this.usualSubformat(),
        compression,
        level,
        keepUnused: [],
        dropSwap: true,
        dropSnapshots: false,
        keepBacking: false,
        verify: true,
        force: false,
      },
      this.tools.context(),
    );
    const sizes = { before: result.input.allocated, after: result.output.allocated ?? 0 };
    const told = `${formatSize(sizes.before)} to ${formatSize(sizes.after)} (${formatShare(sizes.after, sizes.before)})`;
    if (!this.options.keepInput && sizes.after >= sizes.before && this.target === this.format) {
      await remove(output);
      say(`optimize: ${told} would be no smaller: ${before} stays as it is`);
      return;
    }
    this.current = this.options.keepInput ? output : await this.replaceBy(output);
    say(`optimize: ${told} in ${this.current}, verified`);
  }

  /** OVF takes streamOptimized VMDK only, and a compressed one is what is wanted of any. */
  private usualSubformat(): string | undefined {
    return this.target === 'vmdk' ? 'streamOptimized' : undefined;
  }

  /** The result takes the name of the image; what else belonged to that goes. */
  private async replaceBy(output: string): Promise<string> {
    const { path, files } = this.image;
    const target = replacedPath(path, this.target, this.format);
    const going = target === path ? [] : [path];
    for (const file of files) if (!(await isSameFile(file, path))) going.push(file);
    await moved(output, target);
    this.isReplaced = true;
    for (const file of going) {
      await remove(file);
      this.removed.push(file);
    }
    return target;
  }

  async compress(): Promise<void> {
    const { algorithm, level } = this.options.compress;
    const input = this.current;
    const { compressedWith } = this.image.report.artifact.formatDetails;
    if (input === this.image.path && !this.isReplaced && typeof compressedWith === 'string') {
      this.tools.say(`compress: ${input} is compressed already (${compressedWith}) and stays as it is`);
      return;
    }
    // Neither what Packer made nor what is handed on: a stage in between is not left behind.
    const isBetween = input !== this.image.path;
    const remove = isBetween || !this.options.keepInput;
    const result = await compressFile(
      input,
      `${input}${SUFFIX_OF[algorithm]}`,
      { algorithm, level, verify: true, remove, sha256: false, force: false },
      this.tools.context(),
    );
    this.current = result.output;
    if (remove && !(isBetween && this.options.keepInput)) this.removed.push(input);
    this.isReplaced ||= !this.options.keepInput;
    const { bytesIn, bytesOut } = result;
    this.tools.say(
      `compress: ${formatSize(bytesIn)} to ${formatSize(bytesOut)} (${formatShare(bytesOut, bytesIn)}) in ${result.output}, ${algorithm} level ${result.level}, verified`,
    );
  }

  async finish(): Promise<ImageResult> {
    let checksum: string | null = null;
    if (this.options.checksum) {
      checksum = checksumPath(this.current);
      const { signal } = this.tools.context();
      const hash = await sha256Of(this.current, signal);
      await writeText(checksum, checksumLine(hash, basename(this.current)));
      this.tools.say(`checksum: ${hash} in ${checksum}`);
    }
    const { path } = this.image;
    return {
      input: path,
      inputSize: this.inputSize,
      output: this.current,
      outputSize: await sizeOf(this.current),
      replaced: this.isReplaced,
      removed: this.removed.filter((one) => one !== this.current),
      report: this.reportFile,
      checksum,
      passed: this.passed,
    };
  }
}

/** `qcow2, 1.4 GiB on disk, 8.0 GiB virtual, Debian GNU/Linux 12; 210 MiB stale (deleted data)` */
function describe(report: Report, path: string): string {
  if (!isMeasured(report)) return path;
  const { artifact, books, os, packages } = report;
  const parts = [
    `${path}: ${artifact.format}`,
    `${formatSize(artifact.allocated)} on disk`,
    `${formatSize(artifact.virtualSize)} virtual`,
  ];
  if (os?.prettyName != null) parts.push(os.prettyName);
  if (packages.length > 0) parts.push(`${packages.length} packages`);
  const stale = books.stale.bytes === 0 ? '' : `; ${formatSize(books.stale.bytes)} stale (deleted data)`;
  return `${parts.join(', ')}${stale}`;
}

function safetyLine({ suggestions }: Report): string {
  return (['safe', 'review', 'risky'] as const)
    .map((safety) => {
      const bytes = suggestions
        .filter((one) => one.safety === safety)
        .reduce((sum, one) => sum + one.reclaimable, 0);
      return bytes === 0 ? '' : `${formatSize(bytes)} ${safety}`;
    })
    .filter((text) => text !== '')
    .join(', ');
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw system(error, [path]);
  }
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: unknown) => {
    throw system(error, [path]);
  });
}

async function moved(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: unknown) => {
    throw system(error, [to]);
  });
}

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
  } catch (error) {
    signal.throwIfAborted();
    throw system(error, [path]);
  }
  return hash.digest('hex');
}
