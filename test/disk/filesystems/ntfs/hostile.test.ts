/** Structures that lie: each change is worked by hand on a volume that ntfs-3g filled. */
import { describe, expect, it } from 'vitest';
import { ImgoptError } from '../../../../src/core/errors.ts';
import { FILE_FLAG, type FileTable } from '../../../../src/core/file-table.ts';
import { NTFS_IMAGES, ntfsImage, type OpenedNtfs, openNtfs } from '../../../support/ntfs.ts';
import { codesOf } from '../../../support/volumes.ts';
import { contentOf } from '../../../support/xfs.ts';

const CLUSTER = 4096;
const RECORD = 1024;
/** In `windows` all records stand in one piece. */
const MFT = 4 * CLUSTER;
const recordOf = (path: string): number => NTFS_IMAGES.windows!.entries[path]!.inode;

/** Lets `change` see a record without its check values, and puts them back. */
function edit(bytes: Buffer, number: number, change: (record: Buffer) => void): void {
  const at = MFT + number * RECORD;
  const record = bytes.subarray(at, at + RECORD);
  expect([record.toString('latin1', 0, 4), record.readUInt32LE(0x2c)]).toEqual(['FILE', number]);
  const sequence = record.readUInt16LE(4);
  const check = record.readUInt16LE(sequence);
  for (const block of [1, 2])
    record.writeUInt16LE(record.readUInt16LE(sequence + 2 * block), block * 512 - 2);
  change(record);
  for (const block of [1, 2]) {
    record.writeUInt16LE(record.readUInt16LE(block * 512 - 2), sequence + 2 * block);
    record.writeUInt16LE(check, block * 512 - 2);
  }
}

/** Place of a record's first attribute of this type. */
function attribute(record: Buffer, type: number): number {
  for (
    let at = record.readUInt16LE(0x14);
    record.readUInt32LE(at) !== 0xffffffff;
    at += record.readUInt32LE(at + 4)
  )
    if (record.readUInt32LE(at) === type) return at;
  throw new Error(`no attribute 0x${type.toString(16)}`);
}
const value = (record: Buffer, at: number): number => at + record.readUInt16LE(at + 0x14);
const runs = (record: Buffer, at: number): number => at + record.readUInt16LE(at + 0x20);

/** Place of the two bytes that tell where a first run lies. */
function firstPlace(record: Buffer, at: number): number {
  const list = runs(record, at);
  expect(record[list]! >> 4).toBe(2);
  return list + 1 + (record[list]! & 15);
}

/** `windows` with one record changed. */
function changed(path: string | number, change: (record: Buffer) => void): Buffer {
  const bytes = ntfsImage('windows');
  edit(bytes, typeof path === 'number' ? path : recordOf(path), change);
  return bytes;
}

const inData =
  (change: (record: Buffer, at: number) => void) =>
  (record: Buffer): void =>
    change(record, attribute(record, 0x80));

async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ImgoptError) return `${error.family} ${error.code.replace('IMGOPT_NTFS_', '')}`;
    throw error;
  }
  return 'none';
}

const unusedOf = ({ filesystem }: OpenedNtfs): Promise<string> => failure(() => filesystem.unusedExtents());

function entryOf(table: FileTable, path: string): number {
  for (let entry = 0; entry < table.count; entry++) if (table.path(entry) === path) return entry;
  return -1;
}

/** Path or record, change; diagnostics, what `unusedExtents` and what `open` of that file answers. */
const CASES: readonly [string, string | number, (record: Buffer) => void, string[], string, string][] = [
  [
    'a record of which one sector is older',
    '/big',
    (r) => r.writeUInt16LE(r.readUInt16LE(r.readUInt16LE(4)) + 1, r.readUInt16LE(4)),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'a record that chkdsk has marked',
    '/big',
    (r) => r.write('BAAD', 0),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'a record that says it is another one',
    '/big',
    (r) => r.writeUInt32LE(7777, 0x2c),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'more bytes in use than a record has',
    '/big',
    (r) => r.writeUInt32LE(1032, 0x18),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'an attribute of no length',
    '/big',
    inData((r, at) => r.writeUInt32LE(0, at + 4)),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'an attribute that leaves its record',
    '/big',
    inData((r, at) => r.writeUInt32LE(0x7ffffff8, at + 4)),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'a resident value outside of its attribute',
    '/resident',
    inData((r, at) => r.writeUInt32LE(5000, at + 0x10)),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'no end of attributes',
    '/resident',
    (r) => r.writeUInt32LE(r.readUInt32LE(0x18) - 8, 0x18),
    ['error NTFS_RECORD_DAMAGED'],
    'corrupt DAMAGED',
    'corrupt RECORD_DAMAGED',
  ],
  [
    'a run past the volume',
    '/big',
    inData((r, at) => r.writeUInt16LE(0x7000, firstPlace(r, at))),
    ['error NTFS_RUN_OUTSIDE'],
    'corrupt DAMAGED',
    'corrupt RUN_OUTSIDE',
  ],
  [
    'a run before the volume',
    '/big',
    inData((r, at) => r.writeUInt16LE(0xfff0, firstPlace(r, at))),
    ['error NTFS_RUN_OUTSIDE'],
    'corrupt DAMAGED',
    'corrupt RUN_OUTSIDE',
  ],
  [
    'runs that hold less than the header says',
    '/big',
    inData((r, at) => r.writeBigInt64LE(200n, at + 0x18)),
    ['error NTFS_RUN_LIST'],
    'corrupt DAMAGED',
    'corrupt RUN_LIST',
  ],
  [
    'a size that its runs do not hold',
    '/big',
    inData((r, at) => r.writeBigInt64LE(800_000n, at + 0x30)),
    [],
    'none',
    'corrupt FILE_SIZE',
  ],
  [
    'a size of 2^60',
    '/big',
    inData((r, at) => r.writeBigInt64LE(1n << 60n, at + 0x30)),
    ['error NTFS_FILE_SIZE'],
    'corrupt DAMAGED',
    'corrupt FILE_SIZE',
  ],
  [
    'an attribute that begins in its middle',
    '/big',
    inData((r, at) => {
      r.writeBigInt64LE(5n, at + 0x10);
      r.writeBigInt64LE(5n + r.readBigInt64LE(at + 0x18), at + 0x18);
    }),
    [],
    'none',
    'corrupt ATTRIBUTE_GAP',
  ],
  [
    'a directory that is not the same any more',
    '/block',
    (r) => r.writeUInt16LE(99, value(r, attribute(r, 0x30)) + 6),
    ['error NTFS_PARENT'],
    'corrupt DAMAGED',
    'none',
  ],
  [
    'a file as directory',
    '/block',
    (r) => r.writeUInt32LE(recordOf('/big'), value(r, attribute(r, 0x30))),
    ['error NTFS_PARENT'],
    'corrupt DAMAGED',
    'none',
  ],
  [
    'more names than are there',
    '/block',
    (r) => r.writeUInt16LE(3, 0x12),
    ['warning NTFS_LINK_COUNT'],
    'none',
    'none',
  ],
  [
    'only an 8.3 name',
    '/block',
    (r) => r.writeUInt8(2, value(r, attribute(r, 0x30)) + 0x41),
    ['warning NTFS_UNATTACHED'],
    'none',
    'none',
  ],
  [
    'a name with a slash',
    '/block',
    (r) => r.write('/', value(r, attribute(r, 0x30)) + 0x42),
    ['warning NTFS_NAME'],
    'none',
    'none',
  ],
  [
    'a name that is longer than its attribute',
    '/block',
    (r) => r.writeUInt8(200, value(r, attribute(r, 0x30)) + 0x40),
    ['error NTFS_NAME'],
    'corrupt DAMAGED',
    'none',
  ],
  [
    'a name of nothing',
    '/block',
    (r) => r.writeUInt8(0, value(r, attribute(r, 0x30)) + 0x40),
    ['error NTFS_NAME'],
    'corrupt DAMAGED',
    'none',
  ],
  [
    'a part of a record that is not the file that it was',
    '/block',
    (r) => r.writeBigUInt64LE((9n << 48n) | BigInt(recordOf('/big')), 0x20),
    ['error NTFS_EXTENSION'],
    'corrupt DAMAGED',
    'corrupt RECORD_EXTENSION',
  ],
  [
    'a record set aside that is in use by the bitmap alone',
    '/block',
    (r) => r.writeUInt16LE(0, 0x16),
    ['info NTFS_RECORDS_RESERVED'],
    'none',
    'corrupt RECORD_UNUSED',
  ],
  [
    'encryption',
    '/big',
    inData((r, at) => r.writeUInt16LE(0x4000, at + 0xc)),
    [],
    'none',
    'unsupported ENCRYPTED',
  ],
  [
    'another method of compression',
    '/big',
    inData((r, at) => r.writeUInt16LE(2, at + 0xc)),
    [],
    'none',
    'unsupported COMPRESSION',
  ],
  [
    'compression without a unit',
    '/big',
    inData((r, at) => r.writeUInt16LE(1, at + 0xc)),
    [],
    'none',
    'corrupt COMPRESSION_UNIT',
  ],
  [
    'compression units of 2^255 clusters',
    '/compressed/text',
    inData((r, at) => r.writeUInt8(255, at + 0x22)),
    [],
    'none',
    'corrupt COMPRESSION_UNIT',
  ],
  [
    'a reparse point that is cut short',
    '/windows-link',
    (r) => r.writeUInt32LE(6, attribute(r, 0xc0) + 0x10),
    [],
    'none',
    'corrupt REPARSE_POINT',
  ],
  [
    'a target outside of its reparse point',
    '/windows-link',
    (r) => r.writeUInt16LE(400, value(r, attribute(r, 0xc0)) + 8 + 6),
    [],
    'none',
    'corrupt REPARSE_POINT',
  ],
  [
    'a reparse point of an unknown kind',
    '/windows-link',
    (r) => r.writeUInt32LE(0x80001234, value(r, attribute(r, 0xc0))),
    [],
    'none',
    'unsupported REPARSE_POINT',
  ],
];

describe('ntfs that lies', () => {
  it.each(CASES)('%s', async (_name, path, change, codes, unused, open) => {
    const opened = await openNtfs(changed(path, change));
    expect(codesOf(opened.log)).toEqual(codes);
    expect(await unusedOf(opened)).toBe(unused);
    const inode = typeof path === 'number' ? path : recordOf(path);
    expect(await failure(() => contentOf(opened.filesystem, inode))).toBe(open);
    await opened.filesystem.metadataExtents();
  });

  it('two files in the same clusters', async () => {
    const opened = await openNtfs(
      changed(
        '/block',
        inData((r, at) => {
          // One cluster, at the place of /big's first one.
          const other = ntfsImage('windows').subarray(MFT + recordOf('/big') * RECORD);
          const there = firstPlace(other, attribute(other, 0x80));
          r[runs(r, at)] = 0x21;
          r.writeUInt8(1, runs(r, at) + 1);
          r.writeUInt16LE(other.readUInt16LE(there), runs(r, at) + 2);
        }),
      ),
    );
    expect(await unusedOf(opened)).toBe('corrupt CROSS_LINKED');
  });

  /** $Bitmap's own place, by its record. */
  function bitmapAt(bytes: Buffer): number {
    const record = bytes.subarray(MFT + 6 * RECORD);
    return record.readUInt16LE(firstPlace(record, attribute(record, 0x80))) * CLUSTER;
  }

  it('a cluster that is free by the bitmap and in use by a file', async () => {
    const bytes = ntfsImage('windows');
    const record = bytes.subarray(MFT + recordOf('/big') * RECORD);
    const cluster = record.readUInt16LE(firstPlace(record, attribute(record, 0x80))) + 3;
    bytes[bitmapAt(bytes) + (cluster >> 3)]! &= ~(1 << (cluster & 7));
    const opened = await openNtfs(bytes);
    expect(await unusedOf(opened)).toBe('corrupt FREE_IN_USE');
    expect(codesOf(opened.log)).toEqual([]);
  });

  it.each<[string, (record: Buffer, at: number) => void, string]>([
    [
      'shorter than the volume',
      (r, at) => {
        r.writeBigInt64LE(8n, at + 0x30);
        r.writeBigInt64LE(8n, at + 0x38);
      },
      'corrupt BITMAP',
    ],
    ['not written to its end', (r, at) => r.writeBigInt64LE(8n, at + 0x38), 'corrupt BITMAP'],
    [
      'a hole',
      (r, at) => {
        r.writeUInt8(0x01, runs(r, at));
        r.writeUInt8(0, runs(r, at) + 2);
      },
      'corrupt BITMAP',
    ],
    ['outside', (r, at) => r.writeUInt16LE(0x7000, firstPlace(r, at)), 'corrupt RUN_OUTSIDE'],
  ])('a bitmap that is %s', async (_name, change, code) => {
    const opened = await openNtfs(changed(6, inData(change)));
    expect(await unusedOf(opened)).toBe(code);
    expect(opened.filesystem.usage().unused).toBe(0);
  });

  it('clusters that are marked as bad are in use, and nobody’s content', async () => {
    const bytes = ntfsImage('windows');
    const before = await openNtfs(Buffer.from(bytes));
    const unused = await before.filesystem.unusedExtents();
    const cluster = unused.startOf(unused.count - 1) / CLUSTER + 7;
    bytes[bitmapAt(bytes) + (cluster >> 3)]! |= 1 << (cluster & 7);
    edit(bytes, 8, (r) => {
      // $Bad, as wide as the volume: a hole, the bad cluster, a hole.
      let at = attribute(r, 0x80);
      if (r[at + 9] === 0) at += r.readUInt32LE(at + 4);
      expect([r.readUInt32LE(at), r.toString('utf16le', at + 0x40, at + 0x48)]).toEqual([0x80, '$Bad']);
      const place = runs(r, at);
      const total = Number(r.readBigInt64LE(at + 0x18)) + 1;
      const list = Buffer.alloc(16);
      list[0] = 0x02;
      list.writeUInt16LE(cluster, 1);
      list[3] = 0x31;
      list[4] = 1;
      list.writeUIntLE(cluster, 5, 3);
      list[8] = 0x02;
      list.writeUInt16LE(total - cluster - 1, 9);
      const grown = Math.ceil((place - at + 12) / 8) * 8;
      const shift = grown - r.readUInt32LE(at + 4);
      r.copyWithin(at + grown, at + r.readUInt32LE(at + 4), RECORD - shift);
      list.copy(r, place, 0, 12);
      r.writeUInt32LE(grown, at + 4);
      r.writeUInt32LE(r.readUInt32LE(0x18) + shift, 0x18);
    });
    const { filesystem, log } = await openNtfs(bytes);
    expect(log.list()).toEqual([]);
    const left = await filesystem.unusedExtents();
    expect(left.total).toBe(unused.total - CLUSTER);
    expect(left.contains(cluster * CLUSTER)).toBe(false);
    expect((await filesystem.metadataExtents()).contains(cluster * CLUSTER)).toBe(true);
  });

  it('directories in a circle are told and cut off', async () => {
    const bytes = changed('/directory', (r) => {
      const at = value(r, attribute(r, 0x30));
      r.writeUInt32LE(recordOf('/directory/level-0/level-1'), at);
      r.writeUInt16LE(1, at + 6);
    });
    const opened = await openNtfs(bytes);
    expect(codesOf(opened.log)).toContain('error NTFS_DIRECTORY_UNREACHABLE');
    expect(opened.table.detachedCount).toBeGreaterThan(10);
    expect(await unusedOf(opened)).toBe('corrupt DAMAGED');
  });

  it('what was never written reads as zeros', async () => {
    const bytes = changed(
      '/big',
      inData((r, at) => r.writeBigInt64LE(123_456n, at + 0x38)),
    );
    const { filesystem } = await openNtfs(bytes);
    const before = await contentOf((await openNtfs(ntfsImage('windows'))).filesystem, recordOf('/big'));
    const wanted = Buffer.concat([before.subarray(0, 123_456), Buffer.alloc(before.length - 123_456)]);
    expect((await contentOf(filesystem, recordOf('/big'))).equals(wanted)).toBe(true);
    const compressed = changed(
      '/compressed/text',
      inData((r, at) => r.writeBigInt64LE(70_000n, at + 0x38)),
    );
    const opened = await openNtfs(compressed);
    const whole = await contentOf(
      (await openNtfs(ntfsImage('windows'))).filesystem,
      recordOf('/compressed/text'),
    );
    const cut = Buffer.concat([whole.subarray(0, 70_000), Buffer.alloc(whole.length - 70_000)]);
    expect((await contentOf(opened.filesystem, recordOf('/compressed/text'))).equals(cut)).toBe(true);
  });

  it('encrypted files are told', async () => {
    const { table } = await openNtfs(
      changed(
        '/big',
        inData((r, at) => r.writeUInt16LE(0x4000, at + 0xc)),
      ),
    );
    expect(table.flags[entryOf(table, '/big')]).toBe(FILE_FLAG.encrypted);
  });

  it('damage inside of a compression unit costs that file', async () => {
    const bytes = ntfsImage('windows');
    const record = bytes.subarray(MFT + recordOf('/compressed/text') * RECORD);
    const cluster = record.readUInt16LE(firstPlace(record, attribute(record, 0x80)));
    bytes.writeUInt16LE(0x8fff, cluster * CLUSTER);
    const opened = await openNtfs(bytes);
    expect(await failure(() => contentOf(opened.filesystem, recordOf('/compressed/text')))).toBe(
      'corrupt LZNT1',
    );
    expect(await unusedOf(opened)).toBe('none');
  });

  it('attribute lists name what is a part of the file, or nothing is read', async () => {
    const bytes = ntfsImage('pieces');
    const { inode } = NTFS_IMAGES.pieces!.entries['/fragmented']!;
    let hits = 0;
    for (let at = MFT; at + RECORD <= bytes.length; at += RECORD) {
      if (bytes.toString('latin1', at, at + 4) !== 'FILE' || bytes.readUInt32LE(at + 0x20) !== inode)
        continue;
      bytes.writeUInt16LE(bytes.readUInt16LE(at + 0x10) + 1, at + 0x10); // reused since
      hits++;
    }
    expect(hits).toBeGreaterThan(1);
    const opened = await openNtfs(bytes);
    expect(await failure(() => contentOf(opened.filesystem, inode))).toBe('corrupt EXTENSION');
  });

  it('parts of a file that stand before it are joined to it as well', async () => {
    const bytes = ntfsImage('windows');
    const before = await openNtfs(Buffer.from(bytes));
    const place = (number: number): number => MFT + number * RECORD;
    let part = 0;
    for (let number = 24; bytes.toString('latin1', place(number), place(number) + 4) === 'FILE'; number++)
      if (bytes.readUInt32LE(place(number) + 0x20) !== 0 && (bytes[place(number) + 0x16]! & 1) !== 0)
        part = number;
    const base = bytes.readUInt32LE(place(part) + 0x20);
    const other = recordOf('/empty');
    expect(part).toBeGreaterThan(base);
    expect(base).toBeGreaterThan(other);
    // The part changes places with /empty, and the list of attributes follows it.
    const swapped = Buffer.from(bytes.subarray(place(part), place(part) + RECORD));
    bytes.copyWithin(place(part), place(other), place(other) + RECORD);
    swapped.copy(bytes, place(other));
    for (const number of [part, other]) bytes.writeUInt32LE(number, place(number) + 0x2c);
    let changes = 0;
    edit(bytes, base, (r) => {
      const at = attribute(r, 0x20);
      const isResident = r[at + 8] === 0;
      const list = isResident
        ? r.subarray(value(r, at), value(r, at) + r.readUInt32LE(at + 0x10))
        : bytes.subarray(
            r.readUIntLE(runs(r, at) + 1 + (r[runs(r, at)]! & 15), r[runs(r, at)]! >> 4) * CLUSTER,
          );
      const end = isResident ? list.length : Number(r.readBigInt64LE(at + 0x30));
      for (let entry = 0; entry < end; entry += list.readUInt16LE(entry + 4)) {
        if (list.readUInt32LE(entry + 0x10) !== part) continue;
        list.writeUInt32LE(other, entry + 0x10);
        changes++;
      }
    });
    expect(changes).toBeGreaterThan(0);
    const after = await openNtfs(bytes);
    expect(after.log.list()).toEqual([]);
    const told = ({ table }: OpenedNtfs): string[] =>
      Array.from(
        { length: table.count },
        (_, entry) =>
          `${table.path(entry)} ${table.size[entry]} ${table.allocated[entry]} ${table.type[entry]}`,
      ).sort();
    expect(told(after)).toEqual(told(before));
    expect(after.table.inode[entryOf(after.table, '/empty')]).toBe(part);
    expect((await after.filesystem.unusedExtents()).total).toBe(
      (await before.filesystem.unusedExtents()).total,
    );
  });

  it('a volume that is cut short is read as far as it goes, and kept', async () => {
    const bytes = ntfsImage('windows').subarray(0, 12 * 1024 * 1024);
    const opened = await openNtfs(bytes);
    expect(codesOf(opened.log)).toEqual(['error NTFS_TRUNCATED']);
    expect(await unusedOf(opened)).toBe('corrupt TRUNCATED');
    expect(opened.filesystem.size).toBe(bytes.length);
  });

  it('without the bitmap of records all are looked at, and nothing is dropped', async () => {
    const bytes = changed(0, (r) => r.writeUInt8(0xff, runs(r, attribute(r, 0xb0)) + 1));
    const opened = await openNtfs(bytes);
    expect(codesOf(opened.log)).toContain('error NTFS_RUN_LIST');
    expect(opened.filesystem.state).toBe('needs-recovery');
    expect(entryOf(opened.table, '/compressed/text')).toBeGreaterThan(0);
  });

  it('without $Volume the files are read, and nothing is dropped', async () => {
    const whole = await openNtfs(ntfsImage('windows'));
    const bytes = changed(3, (r) => r.writeUInt32LE(0x60, attribute(r, 0x70)));
    const nameless = await openNtfs(bytes);
    expect(codesOf(nameless.log)).toEqual(['warning NTFS_NEEDS_RECOVERY', 'error NTFS_VOLUME']);
    expect(nameless.table.firstDifference(whole.table)).toBeUndefined();
    expect(nameless.filesystem.features).toEqual(['unknown']);
    expect(await unusedOf(nameless)).toBe('unsupported NEEDS_RECOVERY');
  });

  it('a volume without root, or of a version to come, is refused', async () => {
    expect(await failure(() => openNtfs(changed(5, (r) => r.writeUInt16LE(1, 0x16))))).toBe('corrupt ROOT');
    const future = changed(3, (r) => r.writeUInt8(4, value(r, attribute(r, 0x70)) + 8));
    expect(await failure(() => openNtfs(future))).toBe('unsupported VERSION');
    const bytes = ntfsImage('windows');
    bytes.fill(0, 11, 512);
    bytes.fill(0, bytes.length - 512);
    expect(await failure(() => openNtfs(bytes))).toBe('corrupt BOOT_SECTOR');
  });
});
