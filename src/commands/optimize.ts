import { availableParallelism } from 'node:os';
import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { REMOTE_FLAGS } from '../cli/remote-flags.ts';
import type { ImageCompression } from '../core/contracts/writer.ts';
import { unsupported, usage } from '../core/errors.ts';
import { parseSize } from '../core/size.ts';
import type { OptimizeResult } from '../optimize/books.ts';

export default class Optimize extends BaseCommand {
  static override summary = 'Write a smaller image that boots and holds exactly the same files.';
  static override description =
    'Unused blocks of filesystems, unallocated extents and the contents of swap areas are dropped; what is left is ' +
    'written in the chosen format and compressed inside it. What could not be read, needs recovery or contradicts ' +
    'itself is kept whole, and the report says so; gaps outside of partitions are always kept, for boot loaders. ' +
    'The input is only read. The output is opened again and compared before it gets its name (--no-verify).\n\n' +
    'The same image and options give the same bytes, whatever --threads.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> artifact.qcow2 -o small.qcow2',
    '<%= config.bin %> <%= command.id %> disk.raw -o disk.qcow2 --to qcow2 --compress zstd',
    '<%= config.bin %> <%= command.id %> disk.vmdk -o disk.raw.zst --to raw --compress zstd',
    '<%= config.bin %> <%= command.id %> machine.ova -o smaller.ova',
    '<%= config.bin %> <%= command.id %> disk.qcow2 --dry-run',
    '<%= config.bin %> <%= command.id %> disk.qcow2 --to raw -o - | ssh host "cat > /dev/vg0/disk"',
  ];
  static override args = {
    artifact: Args.string({ required: true, description: 'Path or http(s) address of the image.' }),
  };
  static override flags = {
    output: Flags.string({
      char: 'o',
      summary: 'Output file; - is standard output, where the format allows it.',
      helpValue: 'PATH',
    }),
    to: Flags.string({
      summary: "Format of the output: qcow2, raw, vmdk, vhd, vdi, ova (default: the input's).",
      helpValue: 'FORMAT',
    }),
    subformat: Flags.string({ summary: 'Variant of the format.', helpValue: 'NAME' }),
    compress: Flags.string({
      summary: "Compression (default: the format's; raw takes zstd or gzip for the whole file).",
      options: ['zlib', 'zstd', 'gzip', 'none'],
    }),
    level: Flags.integer({ char: 'l', summary: 'Level of the compression.', helpValue: 'N' }),
    'cluster-size': Flags.string({ summary: 'Size of clusters (qcow2: 64K).', helpValue: 'SIZE' }),
    'keep-unused': Flags.string({
      summary: 'Keep the unused blocks of a filesystem: its index, label, UUID or mount point.',
      helpValue: 'FS',
      multiple: true,
      multipleNonGreedy: true,
    }),
    swap: Flags.boolean({
      summary: 'Drop the contents of swap areas (default); --no-swap keeps them.',
      default: true,
      allowNo: true,
    }),
    'drop-snapshots': Flags.boolean({
      summary: 'Leave internal snapshots behind; without it they refuse the job.',
    }),
    'keep-backing': Flags.boolean({
      summary: 'Keep the backing file instead of flattening the chain (qcow2).',
    }),
    verify: Flags.boolean({
      summary: 'Open the output again and compare every byte and file (default).',
      default: true,
      allowNo: true,
    }),
    'dry-run': Flags.boolean({ summary: 'Predict the size of the output; write nothing.' }),
    bmap: Flags.string({
      summary: 'Write a block map for bmap-tools, with checksums, there (raw output).',
      helpValue: 'PATH',
    }),
    'in-place': Flags.boolean({ summary: 'Not offered: see the message.', hidden: true }),
    force: Flags.boolean({ summary: 'Overwrite the output; go on although the image is in use.' }),
    ...REMOTE_FLAGS,
    'follow-outside': Flags.boolean({
      summary: 'Let the image refer to files outside of its own folder (backing files, extents).',
    }),
  };

  async run(): Promise<OptimizeResult> {
    const { args, flags } = await this.parse(Optimize);
    if (flags['in-place']) {
      throw unsupported('IN_PLACE', 'cannot punch holes into a file: Node.js offers no such call', {
        where: [args.artifact],
        advice: 'write a new image with --output, and rename it when it is done',
      });
    }
    const toStdout = flags.output === '-';
    if (flags.output === undefined && !flags['dry-run']) {
      throw usage('NO_OUTPUT', 'nothing says where the image should go', {
        advice: 'name a file with --output',
      });
    }
    if (flags.output !== undefined && flags['dry-run']) {
      throw usage('DRY_RUN_OUTPUT', '--dry-run writes no --output', { advice: 'leave one of them out' });
    }
    if (
      flags.bmap !== undefined &&
      (toStdout || flags.to !== 'raw' || (flags.compress ?? 'none') !== 'none')
    ) {
      throw usage('BMAP_NEEDS_RAW', '--bmap goes with a raw output file', { advice: 'add --to raw' });
    }
    const [{ optimize }, { BUILT_IN_WRITERS }, { renderBooks }, streams, { assertCreatable }] =
      await Promise.all([
        import('../optimize/optimize.ts'),
        import('../writers.ts'),
        import('../reporters/optimize-books.ts'),
        import('../cli/streams.ts'),
        import('../core/output-file.ts'),
      ]);
    if (toStdout) {
      streams.assertStreams({
        readsInput: false,
        writesOutput: true,
        json: this.jsonEnabled(),
        removes: false,
        verifies: false,
        checksum: false,
        force: flags.force,
      });
    } else if (flags.output !== undefined) {
      await assertCreatable(flags.output, flags.force);
    }
    if (flags.bmap !== undefined) await assertCreatable(flags.bmap, flags.force);
    const context = this.createContext({ ...flags, threads: flags.threads ?? availableParallelism() });
    const registry = await this.drivers(BUILT_IN_WRITERS);
    const { bmap } = flags;
    const remote = await this.remote(flags, context);
    const result = await optimize(
      await remote.admit(args.artifact),
      {
        remote,
        drivers: registry,
        writers: registry.writers,
        followOutside: flags['follow-outside'],
        output:
          flags.output === undefined
            ? null
            : toStdout
              ? { stream: sequential((bytes) => streams.standardOutput(bytes, this.signal)) }
              : { path: flags.output },
        to: flags.to,
        subformat: flags.subformat,
        compression: flags.compress as ImageCompression | undefined,
        level: flags.level,
        clusterSize: flags['cluster-size'] === undefined ? undefined : parseSize(flags['cluster-size']),
        keepUnused: flags['keep-unused'] ?? [],
        dropSwap: flags.swap,
        dropSnapshots: flags['drop-snapshots'],
        keepBacking: flags['keep-backing'],
        verify: flags.verify,
        force: flags.force,
        ...(bmap === undefined ? {} : { bmap }),
      },
      context,
    );
    for (const { severity, message, where } of context.log.list()) {
      if (severity !== 'info') this.note(`imgopt: ${severity}: ${where}: ${message}`, flags);
    }
    if (!this.jsonEnabled()) {
      const { columns, color } = this.terminal(flags);
      const text = renderBooks(result, { columns, color });
      if (toStdout) this.note(text.trimEnd(), flags);
      else await this.print(text);
    }
    return result;
  }
}

/** Standard output takes bytes in order, and nothing else. */
function sequential(sink: (bytes: Uint8Array) => Promise<void>): {
  isSequential: true;
  write(bytes: Uint8Array, offset: number): Promise<void>;
  setSize(size: number): Promise<void>;
} {
  return { isSequential: true, write: (bytes) => sink(bytes), setSize: async () => {} };
}
