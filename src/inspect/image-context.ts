/**
 * How images reach the files that they refer to (backing files, extents, data files), and how a file becomes a
 * disk. Names come from inside images, so they are not trusted: they resolve against the folder of the image that
 * names them, links and all, and must stay inside the folder of the artifact unless the user allows more.
 */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { hasCompressedMagic } from '../compressors/magic.ts';
import type { CompressedSource } from '../compressors/source.ts';
import { RunContext } from '../core/context.ts';
import type { Decompressor } from '../core/contracts/compressor.ts';
import type {
  Disk,
  ImageContext,
  ImageFile,
  ImageFormat,
  ImageMember,
  MemberAccess,
  OpenedFile,
} from '../core/contracts/disk.ts';
import type { BlockSource } from '../core/contracts/source.ts';
import { corrupt, ImgoptError, locate, system, unreadable, unsupported } from '../core/errors.ts';
import { MAX_BACKING_DEPTH } from '../core/limits.ts';
import { escapeName } from '../core/text.ts';
import { type FileSource, openFileSource } from '../sources/file.ts';
import { readProbe } from '../sources/read.ts';
import { isAddress, type RemoteAccess } from '../sources/remote.ts';
import { scaledSource } from '../sources/scaled.ts';

export interface OpenRules {
  readonly formats: readonly ImageFormat[];
  /** Beside gzip and zstd. */
  readonly decompressors?: readonly Decompressor[];
  /** Let images refer to files outside of the artifact's folder. */
  readonly followOutside: boolean;
  /** Check the digests that containers carry. */
  readonly verify?: boolean;
  /** Opens artifacts that an address names. */
  readonly remote?: RemoteAccess | undefined;
}

interface Frame {
  readonly rules: OpenRules;
  /**
   * Folders that nothing may leave: the one of the path as the user gave it and, when that is a link, the one that
   * it leads to. Real paths; the first as given, for names of files that are missing.
   */
  readonly cages: readonly string[];
  /** Real paths of the images being opened, outermost first: a circle shows here. */
  readonly chain: readonly string[];
  /** Every host file opened so far, to be closed together. */
  readonly opened: BlockSource[];
}

type HostFile = Omit<ImageFile, 'role' | 'format'>;

/** Finds the format of an opened file. Raw is what remains: it has no signature of its own. */
export async function detectFormat(
  source: BlockSource,
  formats: readonly ImageFormat[],
): Promise<{ format: ImageFormat; resembles: string | undefined }> {
  const probe = await readProbe(source);
  let resembles: string | undefined;
  for (const format of formats) {
    const answer = format.probe(probe);
    if (answer?.certainty === 'certain') return { format, resembles: undefined };
    if (answer !== undefined) resembles ??= answer.description;
  }
  return { format: formatNamed('raw', formats), resembles };
}

function formatNamed(name: string, formats: readonly ImageFormat[]): ImageFormat {
  const format = formats.find((one) => one.name === name);
  if (format === undefined)
    throw unsupported('UNKNOWN_FORMAT_NAME', `the format '${escapeName(name)}' is not supported`);
  return format;
}

class HostImageContext extends RunContext implements ImageContext {
  readonly file: HostFile;
  readonly members: MemberAccess;
  private readonly frame: Frame;

  constructor(outer: RunContext, file: HostFile, frame: Frame) {
    // Named one by one: a context made by `at` inherits all but its place, so a spread would lose them.
    const { log, signal, threads, progress, where } = outer;
    super({ log, signal, threads, progress, where });
    this.file = file;
    this.frame = frame;
    this.members = memberAccess(outer, frame);
  }

  async openFile(reference: string): Promise<OpenedFile> {
    const path = await this.resolveReference(reference, 'file');
    const source = await openHost(path, this.frame.rules);
    this.frame.opened.push(source);
    return { source, file: { path, fileSize: source.size, allocated: source.allocated } };
  }

  async openImage(reference: string, format?: string): Promise<Disk> {
    if (this.frame.chain.length >= MAX_BACKING_DEPTH) {
      throw corrupt('BACKING_TOO_DEEP', `more than ${MAX_BACKING_DEPTH} images refer to each other`);
    }
    const path = await this.resolveReference(reference, 'backing file');
    if (this.frame.chain.includes(path)) {
      throw corrupt('BACKING_CIRCLE', `its backing file '${escapeName(reference)}' is backed by it again`, {
        advice: "point one of them elsewhere with 'qemu-img rebase -u'",
      });
    }
    const inner = this.at(`backing file ${escapeName(reference)}`);
    return openDiskAt(path, inner, { ...this.frame, chain: [...this.frame.chain, path] }, format);
  }

  /** The real path of what the image refers to. Relative names are relative to the image's own folder. */
  private async resolveReference(reference: string, what: string): Promise<string> {
    if (reference === '' || reference.includes('\0'))
      throw corrupt('BAD_REFERENCE', `the name of its ${what} is empty or broken`);
    const name = escapeName(reference);
    if (isAddress(this.file.path)) {
      const beside = isAddress(reference)
        ? undefined
        : this.frame.rules.remote?.beside(this.file.path, reference);
      if (beside !== undefined) return beside;
      throw unreadable('OUTSIDE_FOLDER', `its ${what} '${name}' is not beside it on the server`, {
        advice: 'fetch the files and read them here',
      });
    }
    const wanted = resolve(dirname(this.file.path), reference);
    const real = (await realPathOf(wanted)) ?? (await this.besideTarget(reference));
    // Whether something exists outside is not told before it may be looked at.
    const isCaged = this.frame.cages.some((cage) => isInside(real ?? wanted, cage));
    if (!isCaged && !this.frame.rules.followOutside) {
      throw unreadable('OUTSIDE_FOLDER', `its ${what} '${name}' lies outside of the artifact's folder`, {
        advice: 'allow it with --follow-outside if you trust the image',
      });
    }
    if (real === undefined) {
      const code = what === 'backing file' ? 'BACKING_NOT_FOUND' : 'REFERENCE_NOT_FOUND';
      throw unreadable(code, `its ${what} '${name}' is missing`, {
        advice: isAbsolute(reference) ? `put it at ${name}` : `put it beside ${escapeName(this.file.path)}`,
      });
    }
    return real;
  }

  /** For an image that was named by a link: what it refers to may lie beside the link's target. */
  private async besideTarget(reference: string): Promise<string | undefined> {
    const target = await realPathOf(this.file.path);
    if (target === undefined || dirname(target) === dirname(this.file.path)) return undefined;
    return realPathOf(resolve(dirname(target), reference));
  }
}

/** Undefined when there is nothing. @throws `system` when the host refuses to tell */
async function realPathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw system(error, [path]);
  }
}

function isInside(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/** A file of the host, or what an address names. */
async function openHost(path: string, { remote }: OpenRules): Promise<FileSource> {
  if (!isAddress(path)) return openFileSource(path);
  if (remote === undefined) {
    throw unsupported('NO_REMOTE', 'is an address, and here only files are read', {
      where: [path],
      advice: 'fetch the file first',
    });
  }
  return remote.open(path);
}

async function openDiskAt(path: string, outer: RunContext, frame: Frame, formatName?: string): Promise<Disk> {
  const { rules } = frame;
  const source = await openHost(path, rules);
  frame.opened.push(source);
  const format =
    formatName === undefined
      ? (await detectFormat(source, rules.formats)).format
      : formatNamed(formatName, rules.formats);
  const file = { path, fileSize: source.size, allocated: source.allocated };
  return format.open(source, new HostImageContext(outer, file, frame));
}

/** What a compressed file holds; undefined when it is not compressed with anything that somebody reads. */
async function openInside(
  source: BlockSource,
  context: RunContext,
  { decompressors = [] }: OpenRules,
): Promise<CompressedSource | undefined> {
  const head = new Uint8Array(Math.min(COMPRESSED_HEAD_BYTES, source.size));
  await source.read(head, 0);
  const contributed = decompressors.find((one) => one.probe(head));
  if (contributed === undefined && !hasCompressedMagic(head)) return undefined;
  const { openCompressedSource, openWith } = await import('../compressors/source.ts');
  if (hasCompressedMagic(head)) return openCompressedSource(source, context);
  return contributed && openWith(source, contributed, context);
}

/** Magic numbers are six bytes at most; bzip2's first block tells more. */
const COMPRESSED_HEAD_BYTES = 16;

/**
 * A disk that was found inside of a compressed file: what it stores is counted in bytes of that file. Frames tell
 * for themselves; everywhere else all that is not zero gets its share of the whole.
 */
function withinCompressed(disk: Disk, inside: CompressedSource, fileSize: number): Disk {
  const exact = disk.source === inside ? inside.frames : null;
  const ratio = fileSize / Math.max(1, inside.dataBytes);
  const share = (bytes: number): number => Math.floor(bytes * ratio);
  return {
    ...disk,
    details: { ...disk.details, compressedWith: inside.algorithm },
    source: exact ?? scaledSource(disk.source, ratio),
    snapshotBytes: share(disk.snapshotBytes),
    ...(disk.otherBytes === undefined ? {} : { otherBytes: share(disk.otherBytes) }),
  };
}

/* ---------- inside of containers ---------- */

function memberAccess(outer: RunContext, frame: Frame): MemberAccess {
  const formats = frame.rules.formats.filter(({ isContainer }) => isContainer !== true);
  return {
    verifiesDigests: frame.rules.verify === true,
    async identify(source) {
      const { format } = await detectFormat(source, formats);
      return format.name === 'raw' ? undefined : format.name;
    },
    openImage: (member, sibling) => openMember(member, outer, { frame, formats, sibling, chain: [] }),
    async decompress(source) {
      const inside = await openInside(source, outer, frame.rules);
      if (inside !== undefined) frame.opened.unshift(inside);
      return inside;
    },
  };
}

interface MemberFrame {
  readonly frame: Frame;
  readonly formats: readonly ImageFormat[];
  readonly sibling: (name: string) => ImageMember | undefined;
  /** Names of the members being opened, outermost first: a circle shows here. */
  readonly chain: readonly string[];
}

async function openMember(
  member: ImageMember,
  outer: RunContext,
  inner: MemberFrame,
  formatName?: string,
): Promise<Disk> {
  const place = outer.at(escapeName(member.name));
  const inside = await openInside(member.source, place, inner.frame.rules);
  if (inside !== undefined) inner.frame.opened.unshift(inside);
  const bytes = inside ?? member.source;
  const format =
    formatName === undefined
      ? (await detectFormat(bytes, inner.formats)).format
      : formatNamed(formatName, inner.formats);
  const next = { ...inner, chain: [...inner.chain, member.name] };
  const disk = await format.open(bytes, new MemberImageContext(place, member, next));
  return inside === undefined ? disk : withinCompressed(disk, inside, member.source.size);
}

/** As seen by an image inside of a container: what it refers to is inside too. */
class MemberImageContext extends RunContext implements ImageContext {
  readonly file: HostFile;
  readonly members: MemberAccess;
  private readonly inner: MemberFrame;

  constructor(outer: RunContext, member: ImageMember, inner: MemberFrame) {
    const { log, signal, threads, progress, where } = outer;
    super({ log, signal, threads, progress, where });
    this.file = { path: member.name, fileSize: member.source.size, allocated: member.source.size };
    this.inner = inner;
    this.members = memberAccess(outer, inner.frame);
  }

  async openFile(reference: string): Promise<OpenedFile> {
    const { name, source } = this.find(reference, 'file');
    return { source, file: { path: name, fileSize: source.size, allocated: source.size } };
  }

  async openImage(reference: string, format?: string): Promise<Disk> {
    const member = this.find(reference, 'backing file');
    if (this.inner.chain.length >= MAX_BACKING_DEPTH) {
      throw corrupt('BACKING_TOO_DEEP', `more than ${MAX_BACKING_DEPTH} images refer to each other`);
    }
    if (this.inner.chain.includes(member.name))
      throw corrupt('BACKING_CIRCLE', `its backing file '${escapeName(reference)}' is backed by it again`);
    return openMember(member, this, this.inner, format);
  }

  private find(reference: string, what: string): ImageMember {
    const member = this.inner.sibling(reference);
    if (member !== undefined) return member;
    const code = what === 'backing file' ? 'BACKING_NOT_FOUND' : 'REFERENCE_NOT_FOUND';
    throw unreadable(code, `its ${what} '${escapeName(reference)}' is not in the container`, {
      advice: 'build or export the machine again',
    });
  }
}

export interface OpenedArtifact {
  readonly disk: Disk;
  /** The bytes of the file that the user named, decompressed when it is compressed. */
  readonly source: BlockSource;
  /** What it looks like when nothing recognised it and it was taken for raw. */
  readonly resembles: string | undefined;
  /** Closes the disk and every host file. */
  close(): Promise<void>;
}

/** Opens an artifact of one disk. Place of errors: the path as the user gave it. */
export async function openArtifact(
  path: string,
  context: RunContext,
  rules: OpenRules,
): Promise<OpenedArtifact> {
  const opened: BlockSource[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.splice(0).map((source) => source.close()));
  };
  try {
    const source = await openHost(path, rules);
    opened.push(source);
    const isHere = !isAddress(path);
    const real = isHere ? await realpath(path) : path;
    const given = isHere ? resolve(path) : path;
    const cages = isHere ? [dirname(given), await realpath(dirname(given)), dirname(real)] : [];
    const frame: Frame = { rules, cages, chain: [real], opened };
    const inner = context.at(path);
    // A compressed image is read through its compression; everything further in sees only the bytes inside.
    const inside = await locate(path, () => openInside(source, inner, rules));
    if (inside !== undefined) opened.unshift(inside);
    const bytes = inside ?? source;
    const { format, resembles } = await detectFormat(bytes, rules.formats);
    const file = { path: given, fileSize: source.size, allocated: source.allocated };
    const disk = await format
      .open(bytes, new HostImageContext(inner, file, frame))
      .catch((error: unknown) => {
        throw error instanceof ImgoptError ? error.within(path) : error;
      });
    return {
      disk: inside === undefined ? disk : withinCompressed(disk, inside, source.size),
      source: bytes,
      resembles,
      async close() {
        await disk.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
