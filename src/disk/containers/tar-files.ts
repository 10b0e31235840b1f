/** The members of a tar archive, as a tree of files. */
import type { Context } from '../../core/contracts/context.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import type { ByteRange } from '../../core/extents.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { MAX_CONTAINER_MEMBERS } from '../../core/limits.ts';
import { piecedSource } from '../../sources/pieces.ts';
import { sliceSource } from '../../sources/slice.ts';
import { show, type TarMember, walkTar } from '../../sources/tar.ts';
import { TAR_BLOCK } from '../../sources/tar-layout.ts';
import { FileTree, type NewInode, type Placement } from './file-tree.ts';

export interface TarFiles {
  /** In order; undefined when there are more than a container of disks would have. */
  readonly members: readonly TarMember[] | undefined;
  readonly count: number;
  readonly tree: FileTree;
  readonly contents: readonly ByteRange[];
}

/**
 * Reads all headers. What cannot be placed is reported.
 * @throws ImgoptError as `walkTar`
 */
export async function readTar(source: BlockSource, context: Context): Promise<TarFiles> {
  const tree = new FileTree();
  const contents: ByteRange[] = [];
  let members: TarMember[] | undefined = [];
  let count = 0;
  for await (const member of walkTar(source, context.signal)) {
    count++;
    if (count > MAX_CONTAINER_MEMBERS) members = undefined;
    members?.push(member);
    addContent(contents, member, 0);
    reportPlacement(placeMember(tree, member, 0, 0), member, context);
  }
  return { members, count, tree, contents };
}

export function addContent(contents: ByteRange[], member: TarMember, base: number): void {
  const { offset, stored } = member;
  if (stored > 0) contents.push({ start: base + offset, end: base + offset + occupied(stored) });
}

const occupied = (stored: number): number => Math.ceil(stored / TAR_BLOCK) * TAR_BLOCK;

/** @param base where the archive begins in the bytes that inodes refer to */
export function placeMember(tree: FileTree, member: TarMember, layer: number, base: number): Placement {
  const { name, type, target } = member;
  return type === 'link' ? tree.link(name, target, layer) : tree.put(name, inodeOf(member, base), layer);
}

function inodeOf(member: TarMember, base: number): NewInode {
  const { type, mode, uid, gid, modified, size, offset, stored, target, runs } = member;
  return {
    type: type === 'link' ? FILE_TYPE.file : type,
    mode,
    uid,
    gid,
    modified,
    // What a directory "contains" is a dump's list of names.
    size: type === FILE_TYPE.directory ? 0 : size,
    offset: base + offset,
    stored,
    occupied: occupied(stored),
    runs,
    target,
  };
}

export function reportPlacement(placement: Placement, member: TarMember, context: Context): void {
  if (placement === 'outside') {
    context.report(
      'error',
      'ARCHIVE_OUTSIDE',
      `the name '${show(member.name)}' leads out of the archive: the member is left out`,
    );
  } else if (placement === 'missing') {
    context.report(
      'error',
      'ARCHIVE_LINK',
      `'${show(member.name)}' is a hard link to '${show(member.target)}', which is not there before it`,
    );
  }
}

/** A member's content. */
export function memberSource(archive: BlockSource, { offset, stored, runs, size }: TarMember): BlockSource {
  if (runs === null) return sliceSource(archive, offset, stored);
  let at = offset;
  const pieces = runs.map(({ start, length }) => {
    const piece = { start, source: archive, offset: at, length };
    at += length;
    return piece;
  });
  return piecedSource(pieces, size, 'sparse member');
}
