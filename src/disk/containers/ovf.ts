/**
 * OVF (DMTF DSP0243): which files are disks, and what the descriptor claims of them. Elements and attributes are
 * found by their local names, since VMware, VirtualBox and the specification's own versions differ in namespaces.
 *
 * The descriptor is changed where it stands, attribute by attribute, so that everything that a vendor put into it
 * survives: the parser tells where each tag begins and ends.
 */
import sax from 'sax';
import { corrupt, unsupported } from '../../core/errors.ts';
import { MAX_CONTAINER_DISKS, MAX_OVF_DEPTH } from '../../core/limits.ts';
import { escapeName } from '../../core/text.ts';

/** Where a tag stands in the text: from `<` to behind `>`. */
interface Tag {
  readonly start: number;
  readonly end: number;
}

export interface OvfFile {
  readonly id: string;
  readonly href: string;
  /** Bytes, as claimed; null where it is not said. */
  readonly size: number | null;
  /** `gzip`, or empty. */
  readonly compression: string;
  readonly tag: Tag;
}

export interface OvfDisk {
  readonly id: string;
  readonly file: OvfFile;
  /** Bytes of the virtual disk, as claimed; null where that cannot be told. */
  readonly capacity: number | null;
  /** Bytes of it that hold data, as claimed. */
  readonly populated: number | null;
  readonly tag: Tag;
}

export interface Ovf {
  readonly text: string;
  readonly files: readonly OvfFile[];
  /** Those that have a file, in the descriptor's order. */
  readonly disks: readonly OvfDisk[];
}

interface RawTag {
  readonly attributes: ReadonlyMap<string, string>;
  readonly tag: Tag;
}

/**
 * @throws ImgoptError `corrupt` for what is no well-formed OVF or names files that it does not list, `unsupported`
 * for disks in chunks
 */
export function parseOvf(text: string): Ovf {
  const { files: rawFiles, disks: rawDisks } = readTags(text);
  const files = rawFiles.map(({ attributes, tag }): OvfFile => {
    if (attributes.has('chunkSize')) {
      throw unsupported('OVF_CHUNKS', `keeps '${escapeName(attributes.get('href') ?? '')}' in chunks`, {
        advice: 'export it again without splitting its disks',
      });
    }
    return {
      id: attributes.get('id') ?? '',
      href: attributes.get('href') ?? '',
      size: wholeNumber(attributes.get('size')),
      compression: attributes.get('compression') ?? '',
      tag,
    };
  });
  const byId = new Map(files.map((file) => [file.id, file]));
  const disks: OvfDisk[] = [];
  for (const { attributes, tag } of rawDisks) {
    const reference = attributes.get('fileRef');
    if (reference === undefined || reference === '') continue; // an empty disk, made when the machine is
    const file = byId.get(reference);
    if (file === undefined)
      throw corrupt(
        'OVF_REFERENCE',
        `a disk is in the file '${escapeName(reference)}', which it does not list`,
      );
    if (disks.length >= MAX_CONTAINER_DISKS)
      throw unsupported('TOO_MANY_DISKS', `has more than ${MAX_CONTAINER_DISKS} disks`);
    const units = allocationUnits(attributes.get('capacityAllocationUnits'));
    const capacity = wholeNumber(attributes.get('capacity'));
    disks.push({
      id: attributes.get('diskId') ?? '',
      file,
      capacity: capacity === null || units === null ? null : capacity * units,
      populated: wholeNumber(attributes.get('populatedSize')),
      tag,
    });
  }
  return { text, files, disks };
}

function readTags(text: string): { files: RawTag[]; disks: RawTag[] } {
  const files: RawTag[] = [];
  const disks: RawTag[] = [];
  const path: string[] = [];
  const parser = sax.parser(true, { xmlns: true, position: true });
  const fail = (why: string): Error =>
    corrupt('OVF_BROKEN', `the OVF descriptor is broken: ${escapeName(why)}`, {
      advice: 'export the machine again',
    });
  let failure: Error | undefined;
  parser.onerror = (error) => {
    failure ??= fail(error.message.split('\n').slice(0, 2).join(', '));
    throw failure;
  };
  parser.onopentag = (node) => {
    if (path.length >= MAX_OVF_DEPTH) throw fail(`its elements are more than ${MAX_OVF_DEPTH} deep`);
    const { local } = node as sax.QualifiedTag;
    path.push(local);
    const isFile = local === 'File' && path.at(-2) === 'References' && path.length === 3;
    const isDisk = local === 'Disk' && path.at(-2) === 'DiskSection' && path.length === 3;
    // OVF 0.9, and virt-v2v's for oVirt, say Section with a type.
    const isOldDisk = local === 'Disk' && path.at(-2) === 'Section' && path.length === 3;
    if (path[0] !== 'Envelope') throw fail('its root is no Envelope');
    if (!isFile && !isDisk && !isOldDisk) return;
    const attributes = new Map<string, string>();
    for (const one of Object.values((node as sax.QualifiedTag).attributes))
      attributes.set(one.local, one.value);
    const tag = { start: parser.startTagPosition - 1, end: parser.position };
    (isFile ? files : disks).push({ attributes, tag });
  };
  parser.onclosetag = () => void path.pop();
  parser.write(text).close();
  return { files, disks };
}

function wholeNumber(text: string | undefined): number | null {
  const value = text !== undefined && /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}

/** DSP0004's programmatic units, as far as OVF uses them: `byte`, `byte * 2^30`, `byte*10^6`; older names too. */
function allocationUnits(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '' || /^\s*bytes?\s*$/i.test(text)) return 1;
  const power = /^\s*byte\s*\*\s*(\d{1,4})\s*(?:\^\s*(\d{1,2}))?\s*$/i.exec(text);
  if (power !== null) return Number(power[1]) ** Number(power[2] ?? 1);
  const old: Record<string, number> = { KiloBytes: 2 ** 10, MegaBytes: 2 ** 20, GigaBytes: 2 ** 30 };
  return old[text.trim()] ?? null;
}

/** What the descriptor should say. */
export interface OvfCorrection {
  readonly disk: OvfDisk;
  readonly size: number;
  readonly populated: number;
}

/** The descriptor with other sizes; attributes that are not there are not added. */
export function correctOvf({ text }: Ovf, corrections: readonly OvfCorrection[]): string {
  const edits = corrections.flatMap(({ disk, size, populated }) => [
    { tag: disk.file.tag, name: 'size', value: size },
    { tag: disk.tag, name: 'populatedSize', value: populated },
  ]);
  let result = text;
  for (const { tag, name, value } of edits.sort((a, b) => b.tag.start - a.tag.start)) {
    const before = result.slice(tag.start, tag.end);
    const after = before.replace(
      new RegExp(`(\\s(?:[\\w.-]+:)?${name}\\s*=\\s*)(?:"[^"]*"|'[^']*')`),
      `$1"${value}"`,
    );
    result = result.slice(0, tag.start) + after + result.slice(tag.end);
  }
  return result;
}
