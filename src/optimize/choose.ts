/** Which writer makes the output, and with which options. */
import { extname } from 'node:path';
import type { Disk } from '../core/contracts/disk.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { ImageWriter, WriterOptions, WriteTally } from '../core/contracts/writer.ts';
import { usage } from '../core/errors.ts';
import type { OptimizeOptions } from './options.ts';

export interface ChosenWriter {
  readonly writer: ImageWriter;
  readonly writerOptions: WriterOptions & { tally: WriteTally };
}

/** qemu-img's name of the format that the output shall have. */
function wantedFormat(inspection: Inspection, options: OptimizeOptions): string {
  return options.to === 'vhd' ? 'vpc' : (options.to ?? inspection.artifact.format);
}

/** What a file of this name is taken for by everybody; `.img` could be anything. */
const FORMAT_OF_EXTENSION: Readonly<Record<string, string>> = {
  '.qcow2': 'qcow2',
  '.vmdk': 'vmdk',
  '.vhd': 'vpc',
  '.vdi': 'vdi',
  '.raw': 'raw',
};

/** Nobody who names a raw disk's output `.qcow2`, and no format, wants a raw file of that name. */
function assertNameFits({ to, output }: OptimizeOptions, wanted: string): void {
  if (to !== undefined || output === null || 'stream' in output) return;
  const named = FORMAT_OF_EXTENSION[extname(output.path).toLowerCase()];
  if (named === undefined || named === wanted) return;
  throw usage('OUTPUT_FORMAT', `the output keeps the format ${wanted}, and its name says ${named}`, {
    where: [output.path],
    advice: `add --to ${named === 'vpc' ? 'vhd' : named}, or --to ${wanted === 'vpc' ? 'vhd' : wanted}`,
  });
}

/** For the image as a whole. @throws ImgoptError `usage` for what no writer offers, or for a name that says another format */
export function chooseWriter(inspection: Inspection, options: OptimizeOptions): ChosenWriter {
  const wanted = wantedFormat(inspection, options);
  assertNameFits(options, wanted);
  const { writer, writerOptions } = writerFor(
    wanted,
    inspection.artifact.format === wanted ? inspection.disk.details : {},
    options,
  );
  if (!options.keepBacking) return { writer, writerOptions };
  return { writer, writerOptions: { ...writerOptions, backing: keptBacking(inspection, wanted) } };
}

/**
 * @param details of the disk that is written, where the format stays
 * @throws ImgoptError `usage` for what no writer offers
 */
export function writerFor(wanted: string, details: Disk['details'], options: OptimizeOptions): ChosenWriter {
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
      details,
      tally: { zero: 0, plain: 0, compressed: 0, packed: 0 },
      ...(subformat === undefined ? {} : { subformat }),
      ...(options.level === undefined ? {} : { level: options.level }),
      ...(options.clusterSize === undefined ? {} : { clusterSize: options.clusterSize }),
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
