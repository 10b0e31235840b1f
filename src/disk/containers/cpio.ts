/**
 * cpio archives as Linux unpacks them into its first root (Documentation/driver-api/early-userspace/buffer-format):
 * archives of the "new" format one after another, each as it is or compressed, with zeros in between. Microcode
 * comes first and uncompressed, the rest of an initramfs follows; together they are what fills /boot.
 *
 * All archives are laid end to end, decompressed, in one source; a later one adds to the tree of the earlier ones.
 */
import type { Disk, ImageContext, JsonValue } from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { isArtifactError, locate, unsupported } from '../../core/errors.ts';
import type { ByteRange } from '../../core/extents.ts';
import { MAX_CPIO_SEGMENTS } from '../../core/limits.ts';
import { hex } from '../../core/text.ts';
import { joinedSource } from '../../sources/pieces.ts';
import { scaledSource } from '../../sources/scaled.ts';
import { sliceSource } from '../../sources/slice.ts';
import { show } from '../../sources/tar.ts';
import { type CpioMember, endOfZeros, isCpioAt, readCpio } from './cpio-archive.ts';
import { FileTree } from './file-tree.ts';
import { treeDriver } from './tree-filesystem.ts';

/** @throws ImgoptError `corrupt` for a broken archive, `unsupported` for other kinds of cpio */
export async function openCpio(file: BlockSource, context: ImageContext): Promise<Disk> {
  const initramfs = new Initramfs(context);
  const plainEnd = await initramfs.takeAll(file, null);
  initramfs.endSource(sliceSource(file, 0, plainEnd));
  let otherBytes = 0;
  if (plainEnd < file.size) {
    const rest = sliceSource(file, plainEnd, file.size - plainEnd);
    try {
      await locate(`archive at ${hex(plainEnd)}`, () => initramfs.takeCompressed(rest));
    } catch (error) {
      // What comes first is explained all the same.
      if (!isArtifactError(error)) throw error;
      const advice = error.advice === undefined ? '' : `; ${error.advice}`;
      const code = error.code.replace(/^IMGOPT_/, '');
      context.report('error', code, `${error.place}: ${error.message}${advice}`);
      otherBytes = rest.size;
    }
  }
  return {
    format: 'cpio',
    details: { archives: initramfs.archives },
    source: joinedSource(initramfs.sources, 'cpio'),
    files: [{ ...context.file, role: 'image', format: 'cpio' }],
    mapIsExact: true,
    snapshotBytes: 0,
    otherBytes,
    tree: treeDriver('cpio', initramfs.tree, initramfs.contents),
    async close() {},
  };
}

class Initramfs {
  readonly tree = new FileTree();
  readonly archives: JsonValue[] = [];
  readonly contents: ByteRange[] = [];
  readonly sources: BlockSource[] = [];
  private readonly context: ImageContext;
  /** Where the source at hand begins in all of them. */
  private base = 0;
  private count = 0;

  constructor(context: ImageContext) {
    this.context = context;
  }

  /** Reads archives from the beginning of a source. @returns where something else begins, or its end */
  async takeAll(source: BlockSource, compressedWith: string | null): Promise<number> {
    let at = 0;
    while (at < source.size && (await isCpioAt(source, at))) {
      if (this.archives.length >= MAX_CPIO_SEGMENTS)
        throw unsupported('CPIO_TOO_MANY', `is made of more than ${MAX_CPIO_SEGMENTS} archives`);
      const { members, end } = await readCpio(source, at, this.count, this.context.signal);
      this.count += members.length;
      this.place(members);
      this.archives.push({ size: end - at, files: members.length, compressedWith });
      at = await endOfZeros(source, end, this.context.signal);
    }
    return at;
  }

  async takeCompressed(rest: BlockSource): Promise<void> {
    const inside = await this.context.members.decompress(rest);
    if (inside === undefined) {
      throw unsupported('CPIO_COMPRESSION', 'is neither cpio nor compressed with anything that imgopt reads');
    }
    await this.takeAll(inside, inside.algorithm);
    this.endSource(scaledSource(inside, rest.size / Math.max(1, inside.dataBytes)));
  }

  endSource(source: BlockSource): void {
    this.sources.push(source);
    this.base += source.size;
  }

  private place(members: readonly CpioMember[]): void {
    // Only one of an inode's names comes with its content, usually the last.
    const holders = new Map<string, CpioMember>();
    for (const member of members) {
      if (member.linkKey === null) continue;
      const before = holders.get(member.linkKey);
      if (before === undefined || before.inode.stored === 0) holders.set(member.linkKey, member);
    }
    const placed = new Map<string, string>();
    for (const { name, inode, linkKey } of members) {
      const first = linkKey === null ? undefined : placed.get(linkKey);
      const own = linkKey === null ? inode : holders.get(linkKey)!.inode;
      const { offset, occupied } = inode;
      if (occupied > 0) this.contents.push({ start: this.base + offset, end: this.base + offset + occupied });
      const placement =
        first === undefined
          ? this.tree.put(name, { ...own, offset: this.base + own.offset })
          : this.tree.link(name, first);
      if (linkKey !== null && first === undefined) placed.set(linkKey, name);
      if (placement !== 'placed') {
        this.context.report(
          'error',
          'ARCHIVE_OUTSIDE',
          `the name '${show(name)}' leads out of the archive: the member is left out`,
        );
      }
    }
  }
}
