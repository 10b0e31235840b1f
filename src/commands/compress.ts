import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { failureLine, isInterrupt, toFailure } from '../cli/errors.ts';
import { assertStreams, ClosedPipe, standardInput, standardOutput } from '../cli/streams.ts';
import {
  type Algorithm,
  type CompressFileResult,
  compressFile,
  SUFFIX_OF,
} from '../compressors/compress-file.ts';
import { checksumLine } from '../core/checksum-line.ts';
import { EXIT, usage } from '../core/errors.ts';
import { formatShare, formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';

export default class Compress extends BaseCommand {
  static override summary = 'Compress images with zstd or gzip, on all cores.';
  static override description =
    'The output is standard: any zstd or gzip reads it. zstd is written in independent frames with a seek table, ' +
    'so that imgopt reads single files out of a compressed image. The same input, algorithm and level give the ' +
    'same bytes, whatever --threads. The input stays unless --rm, which reads the output back first.\n\n' +
    'Memory at zstd level 3 is about 80 MiB and 30 MiB per thread; from level 13 on about 150 MiB per thread, at ' +
    'levels 20 to 22 and with --long 27 up to 1 GiB per thread.\n\n' +
    'A reader that closes the pipe early (| head) ends the command without a message, with exit code 4.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> disk.raw',
    '<%= config.bin %> <%= command.id %> disk.qcow2 --algorithm gzip --level 9 -o disk.qcow2.gz',
    '<%= config.bin %> <%= command.id %> *.vmdk --rm --checksum sha256 --quiet > SHA256SUMS',
    'tar -c rootfs | <%= config.bin %> <%= command.id %> - > rootfs.tar.zst',
  ];
  static override strict = false;
  static override args = {
    input: Args.string({ required: true, description: 'Files to compress; - is standard input.' }),
  };
  static override flags = {
    output: Flags.string({
      char: 'o',
      summary:
        'Output file, or folder for several inputs (default: INPUT.zst or INPUT.gz; - is standard output).',
      helpValue: 'PATH',
    }),
    algorithm: Flags.string({ char: 'a', summary: 'Algorithm.', options: ['zstd', 'gzip'], default: 'zstd' }),
    level: Flags.integer({
      char: 'l',
      summary: 'Level: zstd 1 to 22 (default 3), gzip 1 to 9 (default 6).',
      helpValue: 'N',
    }),
    long: Flags.integer({
      summary:
        'zstd window for repetitions far apart, as base-2 logarithm: 27 is 128 MiB. Takes 4 to 8 times that per thread.',
      helpValue: '20..27',
      min: 20,
      max: 27,
    }),
    stdout: Flags.boolean({ char: 'c', summary: 'Write to standard output.', exclusive: ['output'] }),
    verify: Flags.boolean({ summary: 'Read the output back and compare before it gets its name.' }),
    rm: Flags.boolean({ summary: 'Remove the input once the output is verified and on the disk.' }),
    checksum: Flags.string({
      summary: 'Print the checksum of each output, as `sha256sum -c` reads it.',
      options: ['sha256'],
    }),
    force: Flags.boolean({ summary: 'Overwrite outputs that exist; write to a terminal.' }),
  };

  async run(): Promise<{ results: CompressFileResult[] }> {
    const { argv, flags } = await this.parse(Compress);
    const inputs = argv as string[];
    const algorithm = flags.algorithm as Algorithm;
    const isFolder = flags.output !== undefined && (await isDirectory(flags.output));
    const toStandardOutput =
      flags.stdout || flags.output === '-' || (flags.output === undefined && inputs.includes('-'));
    if (inputs.length > 1 && flags.output !== undefined && !isFolder && !toStandardOutput) {
      throw usage('ONE_OUTPUT', `${inputs.length} inputs and one --output`, { advice: 'give a folder' });
    }
    assertStreams({
      readsInput: inputs.includes('-'),
      writesOutput: toStandardOutput,
      json: this.jsonEnabled(),
      removes: flags.rm,
      verifies: flags.verify,
      checksum: flags.checksum !== undefined,
      force: flags.force,
    });

    const context = this.createContext(flags);
    const results: CompressFileResult[] = [];
    let failed = 0;
    for (const input of inputs) {
      const path = isFolder
        ? join(flags.output!, `${basename(input === '-' ? 'stdin' : input)}${SUFFIX_OF[algorithm]}`)
        : (flags.output ?? `${input}${SUFFIX_OF[algorithm]}`);
      try {
        const result = await compressFile(
          input === '-' ? { name: 'standard input', chunks: standardInput(context.signal) } : input,
          toStandardOutput
            ? { name: 'standard output', sink: (bytes) => standardOutput(bytes, context.signal) }
            : path,
          {
            algorithm,
            level: flags.level,
            windowLog: flags.long,
            verify: flags.verify,
            remove: flags.rm,
            sha256: flags.checksum !== undefined,
            force: flags.force,
          },
          context,
        );
        results.push(result);
        if (!this.jsonEnabled()) {
          this.note(summaryOf(result), flags);
          if (result.sha256 !== null) await this.print(checksumLine(result.sha256, result.output));
        }
      } catch (error) {
        if (error instanceof ClosedPipe) {
          process.exitCode = EXIT.system;
          return { results };
        }
        if (inputs.length === 1 || isInterrupt(error) || context.signal.aborted) throw error;
        const failure = toFailure(error);
        process.stderr.write(`${failureLine(failure)}\n`);
        failed ||= failure.exitCode;
      }
    }
    if (failed !== 0) process.exitCode = failed;
    return { results };
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** `a.raw: 6.0 GiB to 412 MiB (6.7 %) in a.raw.zst, zstd level 3, 3.2 s, 1.9 GiB/s, verified` */
function summaryOf(result: CompressFileResult): string {
  const { bytesIn, bytesOut, seconds } = result;
  const rate = seconds > 0 ? `, ${formatSize(Math.round(bytesIn / seconds))}/s` : '';
  const more = `${result.verified ? ', verified' : ''}${result.removed ? ', input removed' : ''}`;
  return escapeName(
    `${result.input}: ${formatSize(bytesIn)} to ${formatSize(bytesOut)} (${formatShare(bytesOut, bytesIn)}) in ` +
      `${result.output}, ${result.algorithm} level ${result.level}, ${seconds.toFixed(1)} s${rate}${more}`,
  );
}
