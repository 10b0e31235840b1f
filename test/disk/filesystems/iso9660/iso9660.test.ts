/** A hybrid image as isoinfo lists it, taken for the disc that it is; and structures that lie, with their codes. */
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../../src/core/context.ts';
import { ImgoptError } from '../../../../src/core/errors.ts';
import { isoDriver } from '../../../../src/disk/filesystems/iso9660/iso9660.ts';
import { exploreDisk } from '../../../../src/inspect/volumes.ts';
import { createRegistry } from '../../../../src/registry.ts';
import { memorySource } from '../../../../src/sources/memory.ts';
import { mutated, randomNumbers } from '../../../contract/packages.ts';
import { fixtureBytes, fixtureExpected } from '../../../support/fixtures.ts';
import { openFilesystem } from '../../../support/read-only.ts';
import { contentOf, latin1Path } from '../../../support/xfs.ts';

const WHOLE = fixtureBytes('iso9660/hybrid.img');
const EXPECTED = fixtureExpected<{ paths: string[]; label: string; partitions: [number, number][] }>(
  'iso9660',
);
const DESCRIPTOR = 0x8000;
const ROOT = WHOLE.readUInt32LE(DESCRIPTOR + 158) * 2048;

describe('a hybrid ISO image', () => {
  it('has the paths that isoinfo lists', async () => {
    const { filesystem, table, log } = await openFilesystem(isoDriver, memorySource(WHOLE));
    expect(log.list()).toEqual([]);
    const paths = Array.from({ length: table.count }, (_, entry) => latin1Path(table, entry));
    expect(paths.filter((path) => path !== '/').sort()).toEqual([...EXPECTED.paths].sort());
    expect([...filesystem.features]).toEqual(['Rock Ridge', 'Joliet', 'El Torito']);
    const numbers = await contentOf(filesystem, table.inode[table.child(0, 'numbers')]!);
    expect(numbers.toString()).toBe(Array.from({ length: 3000 }, (_, i) => `${i + 1}\n`).join(''));
    const link = table.inode[table.child(table.child(0, 'boot'), 'link')]!;
    expect(Buffer.from(await filesystem.readLink(link)).toString()).toBe('../numbers');
  });

  it.each([
    ['as it is', WHOLE, true],
    // What lies on a disk of four times its size is what was there before the table.
    ['on a much larger disk', Buffer.concat([WHOLE, Buffer.alloc(3 * WHOLE.length)]), false],
  ])('%s is a disc or a table', async (_name, bytes, isDisc) => {
    expect(EXPECTED.label).toBe('gpt');
    const context = new RunContext({ log: new DiagnosticLog() });
    const found = await exploreDisk(memorySource(bytes), createRegistry(), context);
    if (isDisc) {
      expect(found.partitions).toEqual([]);
      expect(found.stands.map(({ probe, start }) => [probe.type, start])).toEqual([['iso9660', 0]]);
    } else {
      expect(found.partitions.map(({ start, size }) => [start / 512, size / 512])).toEqual(
        EXPECTED.partitions,
      );
    }
  });
});

it('joins the extents of a file, as those over 4 GiB have them', async () => {
  // The last record of the root, written twice: one block, flagged, and the rest.
  const bytes = Buffer.from(WHOLE);
  const at = recordOf('NUMBERS');
  const length = bytes[at]!;
  expect(bytes[at + length]).toBe(0);
  bytes.copy(bytes, at + length, at, at + length);
  const [block, size] = [bytes.readUInt32LE(at + 2), bytes.readUInt32LE(at + 10)];
  bytes.writeUInt32LE(2048, at + 10);
  bytes.writeUInt8(0x80, at + 25);
  bytes.writeUInt32LE(block + 1, at + length + 2);
  bytes.writeUInt32LE(size - 2048, at + length + 10);
  const read = async (image: Uint8Array) => {
    const { filesystem, table, log } = await openFilesystem(isoDriver, memorySource(image));
    expect(log.list()).toEqual([]);
    const entry = table.child(0, 'numbers');
    expect(table.size[entry]).toBe(size);
    return contentOf(filesystem, table.inode[entry]!);
  };
  expect(Buffer.compare(await read(bytes), await read(WHOLE))).toBe(0);
});

type Damage = (bytes: Buffer) => void;
/** The record of this name in the primary tree's root. */
const recordOf = (name: string): number => WHOLE.indexOf(name, ROOT, 'latin1') - 33;

const HOSTILE: readonly [name: string, damage: Damage, code: string][] = [
  ['blocks of 4 KiB', (bytes) => bytes.writeUInt16LE(4096, DESCRIPTOR + 128), 'BLOCK_SIZE'],
  ['no primary descriptor', (bytes) => bytes.writeUInt8(3, DESCRIPTOR), 'DESCRIPTOR'],
  [
    'a volume that is larger than its file',
    (bytes) => bytes.writeUInt32LE(1e9, DESCRIPTOR + 80),
    'TRUNCATED',
  ],
  ['a root outside', (bytes) => bytes.writeUInt32LE(0xfffffff0, DESCRIPTOR + 158), 'DIRECTORY'],
  ['a root that is none', (bytes) => bytes.writeUInt32LE(17, DESCRIPTOR + 158), 'DIRECTORY'],
  ['a root of 4 GiB', (bytes) => bytes.writeUInt32LE(0xffffffff, DESCRIPTOR + 166), 'DIRECTORY'],
  [
    'a directory in itself',
    (bytes) => bytes.writeUInt32LE(ROOT / 2048, recordOf('BOOT\0') + 2),
    'DIRECTORY_TWICE',
  ],
  [
    'a record that is longer than its sector',
    (bytes) => bytes.writeUInt8(250, recordOf('NUMBERS') + 32),
    'RECORD',
  ],
  ['a last extent that is missing', (bytes) => bytes.writeUInt8(0x80, recordOf('NUMBERS') + 25), 'RECORD'],
  ['content outside', (bytes) => bytes.writeUInt32LE(0xffffff, recordOf('NUMBERS') + 2), 'OUTSIDE'],
  [
    'a system use entry that is longer than its area',
    (bytes) => bytes.writeUInt8(255, bytes.indexOf('NM', recordOf('NUMBERS'), 'latin1') + 2),
    'SUSP',
  ],
  [
    "a name with '/'",
    (bytes) => bytes.write('/', bytes.indexOf('numbers', recordOf('NUMBERS'), 'latin1'), 'latin1'),
    'NAME',
  ],
  [
    'a continuation outside',
    (bytes) => bytes.writeUInt32LE(0xfffffff0, bytes.indexOf('CE\x1c\x01', ROOT, 'latin1') + 4),
    'SUSP',
  ],
];

async function codesOf(bytes: Uint8Array): Promise<string[]> {
  const log = new DiagnosticLog();
  const thrown: string[] = [];
  try {
    await openFilesystem(isoDriver, memorySource(bytes), [], log);
  } catch (error) {
    if (!(error instanceof ImgoptError)) throw error;
    thrown.push(error.code);
  }
  return [...log.list().map(({ code }) => code), ...thrown];
}

describe('an ISO image that lies', () => {
  it.each(HOSTILE)('%s', async (_name, damage, code) => {
    const bytes = Buffer.from(WHOLE);
    damage(bytes);
    expect(await codesOf(bytes)).toContain(`IMGOPT_ISO_${code}`);
  });

  it.each([1, 2, 3])('mutated, it is read, partly read or refused (seed %i)', async (seed) => {
    const random = randomNumbers(seed);
    let damaged = 0;
    for (let round = 0; round < 60; round++) {
      const copy = Buffer.from(WHOLE);
      for (let hits = 1 + random(4); hits > 0; hits--) {
        const at = DESCRIPTOR + random(80 * 1024);
        mutated(copy.subarray(at, at + (4 << random(6))), random).forEach((byte, i) => {
          copy[at + i] = byte;
        });
      }
      if ((await codesOf(copy)).length > 0) damaged++;
    }
    expect(damaged).toBeGreaterThan(0);
  });
});
