/**
 * A raw image: the file is the disk. It has no magic number, so it never claims a file; the host falls back to
 * it when no other format does. Sector size (512 or 4096) is a matter of the partition table, not of the file.
 */
import type { Disk, ImageFormat } from '../../../core/contracts/disk.ts';

export const rawFormat: ImageFormat = {
  name: 'raw',
  probe: () => undefined,
  /** The disk owns `file` from here on and closes it. */
  async open(file, context): Promise<Disk> {
    const { fileSize, allocated } = context.file;
    return {
      format: 'raw',
      details: {},
      source: file,
      files: [{ ...context.file, role: 'image', format: 'raw' }],
      // Node offers no SEEK_HOLE: of a sparse file we know how much is stored, not where.
      mapIsExact: allocated >= fileSize,
      snapshotBytes: 0,
      close: () => file.close(),
    };
  },
};
