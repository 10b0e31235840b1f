/** Content of files and targets of links. */
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt, unsupported } from '../../../core/errors.ts';
import { FILE_TYPE } from '../../../core/file-table.ts';
import { MAX_REPARSE_BYTES } from '../../../core/limits.ts';
import { viewOf } from '../../../core/record.ts';
import { mappedSource } from '../../../sources/mapped.ts';
import { memorySource } from '../../../sources/memory.ts';
import { piecedSource } from '../../../sources/pieces.ts';
import { assemble, type FileRecords, findPieces, readFileRecords, type Stream } from './attributes.ts';
import { CompressedFile } from './compressed.ts';
import { ATTR, ATTR_FLAG, TYPE } from './layout.ts';
import type { Mft, Volume } from './mft.ts';
import { describeTag, linkTarget, typeOfTag } from './reparse.ts';

/**
 * Content of a file: its unnamed stream; of a symbolic link its target.
 * @throws `unsupported` when it is encrypted, or where only a driver of Windows finds it
 */
export async function openFile(volume: Volume, mft: Mft, number: number): Promise<BlockSource> {
  const file = await readFileRecords(volume, mft, number);
  const reparse = await reparsePoint(volume, file);
  if (reparse !== undefined) {
    const tag = viewOf(reparse).getUint32(0, true);
    const type = typeOfTag(tag);
    if (type === FILE_TYPE.symlink) return memorySource(linkTarget(reparse), `record ${number}`);
    if (type !== undefined) throw corrupt('NTFS_NOT_A_FILE', 'is neither a regular file nor a symbolic link');
    if (!file.isDirectory) {
      throw unsupported('NTFS_REPARSE_POINT', `${describeTag(tag)}, which imgopt cannot read`);
    }
  }
  if (file.isDirectory) throw corrupt('NTFS_NOT_A_FILE', 'is neither a regular file nor a symbolic link');
  return streamOf(volume, file, TYPE.DATA) ?? memorySource(new Uint8Array(0), `record ${number}`);
}

/** Target of a symbolic link or junction, as Windows shows it. */
export async function readLink(volume: Volume, mft: Mft, number: number): Promise<Uint8Array> {
  const reparse = await reparsePoint(volume, await readFileRecords(volume, mft, number));
  const tag = reparse === undefined ? 0 : viewOf(reparse).getUint32(0, true);
  if (reparse === undefined || typeOfTag(tag) !== FILE_TYPE.symlink)
    throw corrupt('NTFS_NOT_A_LINK', 'is no symbolic link');
  return linkTarget(reparse);
}

async function reparsePoint(volume: Volume, file: FileRecords): Promise<Uint8Array | undefined> {
  const source = streamOf(volume, file, TYPE.REPARSE_POINT);
  if (source === undefined) return undefined;
  if (source.size < 8 || source.size > 8 + MAX_REPARSE_BYTES)
    throw corrupt('NTFS_REPARSE_POINT', `its reparse point is ${source.size} bytes long`);
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  return bytes;
}

/** An attribute's value as a source; undefined when the file has no such attribute. */
export function streamOf(
  volume: Volume,
  file: FileRecords,
  type: number,
  name = '',
): BlockSource | undefined {
  const pieces = findPieces(file, type, name);
  if (pieces.length === 0) return undefined;
  const { view, at } = pieces[0]!;
  if ((view.getUint16(at + ATTR.flags, true) & ATTR_FLAG.encrypted) !== 0)
    throw unsupported('NTFS_ENCRYPTED', 'is encrypted (EFS): its content cannot be read without its key');
  const content = assemble(volume, pieces);
  const place = `record ${file.number}`;
  return content instanceof Uint8Array ? memorySource(content, place) : openStream(volume, place, content);
}

function openStream({ source, geometry }: Volume, place: string, stream: Stream): BlockSource {
  const { clusterSize } = geometry;
  const { size, initialized, flags, runs } = stream;
  const method = flags & ATTR_FLAG.compressionMask;
  if (method > ATTR_FLAG.compressed)
    throw unsupported('NTFS_COMPRESSION', `is compressed by method ${method}; imgopt reads LZNT1`);
  if (method !== 0) return new CompressedFile(source, place, clusterSize, stream);
  const written = mappedSource(source, place, initialized, clusterSize, runs);
  // What was never written reads as zeros, whatever its clusters hold.
  return initialized === size
    ? written
    : piecedSource([{ start: 0, source: written, offset: 0, length: initialized }], size, place);
}
