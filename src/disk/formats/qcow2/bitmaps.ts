/** Persistent dirty bitmaps: only listed. They are backup bookkeeping and say nothing about the guest's data. */
import type { JsonValue } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { decodeUtf8, hex } from '../../../core/text.ts';
import { DAMAGED_ADVICE, type Header } from './header.ts';
import { BITMAP_FLAG, BitmapDirectoryEntry } from './layout.ts';
import { readWhole } from './tables.ts';

/** A directory entry takes some 32 bytes and its name; libvirt keeps a handful, one per backup. */
const MAX_DIRECTORY_BYTES = 1024 * 1024;

/**
 * Reads the bitmap directory.
 * @throws ImgoptError `corrupt` when it leaves the file, is absurdly large or contradicts itself
 */
export async function readBitmaps(file: BlockSource, header: Header): Promise<JsonValue[]> {
  if (header.bitmaps === null) return [];
  const { count, size, offset } = header.bitmaps;
  if (size > MAX_DIRECTORY_BYTES || offset + size > header.fileSize || offset % header.clusterSize !== 0) {
    throw corrupt('QCOW2_BITMAPS', `the bitmap directory at ${hex(offset)} cannot have ${size} bytes`, {
      advice: DAMAGED_ADVICE,
    });
  }
  const bytes = await readWhole(file, offset, size);
  const bitmaps: JsonValue[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const entry = BitmapDirectoryEntry.read(bytes, at);
    const nameAt = at + BitmapDirectoryEntry.size + entry.extra_data_size;
    const end = nameAt + entry.name_size;
    if (end > bytes.length) {
      throw corrupt('QCOW2_BITMAPS', `entry ${i} of the bitmap directory ends past it`, {
        advice: DAMAGED_ADVICE,
      });
    }
    bitmaps.push({
      name: decodeUtf8(bytes.subarray(nameAt, end)),
      granularity: 2 ** Math.min(entry.granularity_bits, 63),
      enabled: (entry.flags & BITMAP_FLAG.auto) !== 0,
      inUse: (entry.flags & BITMAP_FLAG.inUse) !== 0,
    });
    at = Math.ceil(end / 8) * 8;
  }
  return bitmaps;
}
