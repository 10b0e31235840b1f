import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { failureLine, isInterrupt, toFailure } from '../cli/errors.ts';
import { assertStreams, ClosedPipe, standardInput, standardOutput } from '../cli/streams.ts';
import { type DecompressSummary, decompressFile } from '../compressors/decompress-file.ts';
import { nameWithoutSuffix } from '../compressors/detect.ts';
import { type HostInput, openHostInput, streamInput } from '../compressors/host-input.ts';
import { checksumLine } from '../core/checksum-line.ts';
import { EXIT, usage } from '../core/errors.ts';
import { formatShare, formatSize, parseSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';

export interface DecompressResult extends DecompressSummary {
  readonly input: string;
  readonly output: string;
}

export default class Decompress extends BaseCommand {
  static override summary = 'Decompress zstd and gzip files, on all cores.';
  static override description =
    'The algorithm is told by the content, not by the name. Reads what any zstd, gzip, pigz, pzstd or bgzip ' +
    'writes; frames that tell their size, as `imgopt compress` writes them, are decoded in parallel. Checksums ' +
    'are verified, and whatever follows the compressed data is refused (zeros behind gzip, as gzip does, are ' +
    'not). The output appears only when it is complete.\n\n' +
    'A reader that closes the pipe early (| head) ends the command without a message, with exit code 4.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> disk.raw.zst',
    '<%= config.bin %> <%= command.id %> disk.raw.gz -o /srv/disk.raw --max-size 20GiB',
    'curl -s https://example.org/disk.raw.zst | <%= config.bin %> <%= command.id %> - -o disk.raw',
  ];
  static override strict = false;
  static override args = {
    input: Args.string({ required: true, description: 'Files to decompress; - is standard input.' }),
  };
  static override flags = {
    output: Flags.string({
      char: 'o',
      summary:
        'Output file, or folder for several inputs (default: INPUT without its suffix; - is standard output).',
      helpValue: 'PATH',
    }),
    stdout: Flags.boolean({ char: 'c', summary: 'Write to standard output.', exclusive: ['output'] }),
    sparse: Flags.boolean({
      summary: 'Leave holes where the output is zero (default for files).',
      allowNo: true,
      default: true,
    }),
    'max-size': Flags.string({
      summary: 'Refuse to write more than this, such as 20GiB: against decompression bombs.',
      helpValue: 'SIZE',
    }),
    long: Flags.integer({
      summary:
        'Accept zstd windows up to this (base-2 logarithm), which memory must hold; default 27, 128 MiB.',
      helpValue: '10..31',
      min: 10,
      max: 31,
    }),
    rm: Flags.boolean({ summary: 'Remove the input once the output is verified and on the disk.' }),
    checksum: Flags.string({
      summary: 'Print the checksum of each output, as `sha256sum -c` reads it.',
      options: ['sha256'],
    }),
    force: Flags.boolean({ summary: 'Overwrite outputs that exist; write to a terminal.' }),
  };

  async run(): Promise<{ results: DecompressResult[] }> {
    const { argv, flags } = await this.parse(Decompress);
    const inputs = argv as string[];
    const isFolder = flags.output !== undefined && (await isDirectory(flags.output));
    const toStandardOutput =
      flags.stdout || flags.output === '-' || (flags.output === undefined && inputs.includes('-'));
    if (inputs.length > 1 && flags.output !== undefined && !isFolder && !toStandardOutput)
      throw usage('ONE_OUTPUT', `${inputs.length} inputs and one --output`, { advice: 'give a folder' });
    assertStreams({
      readsInput: inputs.includes('-'),
      writesOutput: toStandardOutput,
      json: this.jsonEnabled(),
      removes: flags.rm,
      verifies: false,
      checksum: flags.checksum !== undefined,
      force: flags.force,
    });
    const maxSize = flags['max-size'] === undefined ? undefined : parseSize(flags['max-size']);
    const context = this.createContext(flags);
    const results: DecompressResult[] = [];
    let failed = 0;
    for (const name of inputs) {
      let input: HostInput | undefined;
      try {
        const path = toStandardOutput ? '-' : outputOf(name, flags.output, isFolder);
        input =
          name === '-'
            ? streamInput(standardInput(context.signal), 'standard input')
            : await openHostInput(name);
        const summary = await decompressFile(
          input,
          {
            output: toStandardOutput
              ? { sink: (bytes) => standardOutput(bytes, context.signal) }
              : { path, force: flags.force, sparse: flags.sparse },
            maxSize,
            windowLogMax: flags.long,
            sha256: flags.checksum !== undefined,
            remove: flags.rm,
          },
          context,
        );
        const result = { input: input.name, output: path, ...summary };
        results.push(result);
        if (this.jsonEnabled()) continue;
        this.note(summaryOf(result), flags);
        if (summary.sha256 !== null) await this.print(checksumLine(summary.sha256, path));
      } catch (error) {
        if (error instanceof ClosedPipe) {
          process.exitCode = EXIT.system;
          return { results };
        }
        if (inputs.length === 1 || isInterrupt(error) || context.signal.aborted) throw error;
        const failure = toFailure(error);
        process.stderr.write(`${failureLine(failure)}\n`);
        failed ||= failure.exitCode;
      } finally {
        await input?.close();
      }
    }
    if (failed !== 0) process.exitCode = failed;
    return { results };
  }
}

/** @throws ImgoptError (usage) when the name of the input does not tell that of the output */
function outputOf(input: string, output: string | undefined, isFolder: boolean): string {
  if (output !== undefined && !isFolder) return output;
  const name = input === '-' ? 'stdin' : nameWithoutSuffix(input);
  if (name === undefined)
    throw usage('UNKNOWN_SUFFIX', `${input} does not end in .zst, .gz or the like`, {
      advice: 'name the output with --output',
    });
  return isFolder ? join(output!, basename(name)) : name;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** `a.raw.zst: 412 MiB (6.7 %) to 6.0 GiB in a.raw, zstd, 3.2 s, 1.9 GiB/s` */
function summaryOf(result: DecompressResult): string {
  const { bytesIn, bytesOut, seconds } = result;
  const rate = seconds > 0 ? `, ${formatSize(Math.round(bytesOut / seconds))}/s` : '';
  const output = result.output === '-' ? 'standard output' : result.output;
  return escapeName(
    `${result.input}: ${formatSize(bytesIn)} (${formatShare(bytesIn, bytesOut)}) to ${formatSize(bytesOut)} in ` +
      `${output}, ${result.algorithm}, ${seconds.toFixed(1)} s${rate}${result.removed ? ', input removed' : ''}`,
  );
}
