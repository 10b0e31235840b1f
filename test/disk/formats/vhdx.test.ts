/** VHDX made by hand: states of blocks, parents, the log, and everything in them that may be wrong. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../src/core/context.ts';
import { ImgoptError } from '../../../src/core/errors.ts';
import { vhdxFormat } from '../../../src/disk/formats/vhdx/vhdx.ts';
import { openArtifact } from '../../../src/inspect/image-context.ts';
import { createRegistry } from '../../../src/registry.ts';
import { fixtureExpected, fixturePath } from '../../support/fixtures.ts';
import { openImage, positionCoded, readAll, readMap } from '../../support/image-context.ts';
import { temporaryFolder } from '../../support/temp.ts';
import {
  BAT_AT,
  guid,
  type LogWrite,
  logEntry,
  type MadeBlock,
  MiB,
  makeVhdx,
  putEntry,
  seal,
} from './vhdx-made.ts';

const folder = temporaryFolder();
let number = 0;
const write = (bytes: Buffer, name = `${number++}.vhdx`): string => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const code = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof ImgoptError) return error.code.slice(7);
    throw error;
  }
  return 'none';
};
const open = (bytes: Buffer) => openImage(write(bytes), [vhdxFormat]);
const block = (at: number, seed = 'disk'): Buffer => positionCoded(at * MiB, MiB, seed);
const present = (at: number, seed?: string): MadeBlock => ({ state: 'present', bytes: block(at, seed) });

describe('blocks', () => {
  it('are data, zeros by decree, or nowhere', async () => {
    const size = 5 * MiB + 512;
    const { disk, diagnostics } = await open(
      makeVhdx({
        size,
        blocks: [
          present(0),
          { state: 'zero' },
          { state: 'undefined' },
          present(3),
          { state: 'unmapped' },
          present(5),
        ],
      }),
    );
    const expected = Buffer.concat([
      block(0),
      Buffer.alloc(2 * MiB),
      block(3),
      Buffer.alloc(MiB),
      block(5),
    ]).subarray(0, size);
    expect((await readAll(disk.source)).equals(expected)).toBe(true);
    expect(await readMap(disk.source)).toEqual([
      { start: 0, end: MiB, kind: 'data', stored: MiB },
      { start: MiB, end: 2 * MiB, kind: 'zero', stored: 0 },
      { start: 2 * MiB, end: 3 * MiB, kind: 'hole', stored: 0 },
      { start: 3 * MiB, end: 4 * MiB, kind: 'data', stored: MiB },
      { start: 4 * MiB, end: 5 * MiB, kind: 'hole', stored: 0 },
      { start: 5 * MiB, end: size, kind: 'data', stored: 512 },
    ]);
    expect(diagnostics()).toEqual([]);
    expect(disk.details).toMatchObject({ subformat: 'dynamic', creator: 'by hand', logicalSectorSize: 512 });
    await disk.close();
  });

  it('of 4096-byte sectors', async () => {
    const { disk } = await open(
      makeVhdx({ size: 2 * MiB, sectorBytes: 4096, blocks: [present(0), present(1)] }),
    );
    expect((await readAll(disk.source)).equals(Buffer.concat([block(0), block(1)]))).toBe(true);
    expect(disk.details).toMatchObject({ logicalSectorSize: 4096 });
    await disk.close();
  });
});

describe('differencing disks', () => {
  const parentGuid = 'abcdef01-2345-6789-abcd-ef0123456789';
  const locator = (name: string) => ({
    parent_linkage: `{${parentGuid.toUpperCase()}}`,
    relative_path: `.\\${name}`,
    absolute_win32_path: `C:\\vm\\${name}`,
  });
  const parentOf = (name: string, sectorBytes = 512): string =>
    write(
      makeVhdx({
        size: 3 * MiB,
        sectorBytes,
        dataGuid: parentGuid,
        blocks: [present(0, 'old'), present(1, 'old'), present(2, 'old')],
      }),
      name,
    );

  it.each([512, 4096])('ask the bitmap sector by sector, in sectors of %i', async (sectorBytes) => {
    const name = `parent-${sectorBytes}.vhdx`;
    parentOf(name, sectorBytes);
    const own = new Set([0, 7, 8, 9, 200, MiB / sectorBytes - 1]);
    const { disk, diagnostics } = await open(
      makeVhdx({
        size: 3 * MiB,
        sectorBytes,
        locator: locator(name),
        blocks: [
          { state: 'absent' },
          { state: 'partial', bytes: block(1, 'new'), sectors: own },
          { state: 'zero' },
        ],
      }),
    );
    const expected = Buffer.concat([block(0, 'old'), block(1, 'old'), Buffer.alloc(MiB)]);
    for (const sector of own) {
      const at = MiB + sector * sectorBytes;
      block(1, 'new').copy(expected, at, sector * sectorBytes, (sector + 1) * sectorBytes);
    }
    expect((await readAll(disk.source, 100_001)).equals(expected)).toBe(true);
    expect(diagnostics()).toEqual([]);
    const stored = (await readMap(disk.source)).reduce((sum, one) => sum + one.stored, 0);
    expect(stored).toBe(own.size * sectorBytes);
    expect(disk.details).toMatchObject({ subformat: 'differencing', parent: name });
    expect(disk.files.map(({ role }) => role)).toEqual(['image', 'backing']);
    await disk.close();
  });

  it('warn of a parent that was written to, and refuse without one', async () => {
    parentOf('changed.vhdx');
    const made = (changes: Record<string, string>) =>
      makeVhdx({
        size: 3 * MiB,
        locator: { ...locator('changed.vhdx'), ...changes },
        blocks: [{ state: 'absent' }, present(1), present(2)],
      });
    const { disk, diagnostics } = await open(
      made({ parent_linkage: `{${'0'.repeat(8)}-${parentGuid.slice(9)}}` }),
    );
    expect(diagnostics().map((one) => one.code)).toEqual(['IMGOPT_VHDX_PARENT_OTHER']);
    await disk.close();
    // The relative path leads nowhere, the absolute one's file lies beside the image.
    const moved = await open(made({ relative_path: '..\\elsewhere\\changed.vhdx' }));
    await moved.disk.close();
    expect(await code(open(made({ relative_path: 'gone.vhdx', absolute_win32_path: 'D:\\gone.vhdx' })))).toBe(
      'NOT_FOUND',
    );
    expect(await code(open(made({ relative_path: '', absolute_win32_path: '' })))).toBe(
      'VHDX_PARENT_UNNAMED',
    );
  });
});

describe('the log', () => {
  const logGuid = '99999999-8888-7777-6666-555555555555';
  const base = { size: 3 * MiB, blocks: [present(0), present(1), { state: 'absent' } as MadeBlock] };
  const fileBytes = 6 * MiB;
  const page = (entries: readonly bigint[]): Buffer => {
    const bytes = Buffer.alloc(4096);
    for (const [i, value] of entries.entries()) bytes.writeBigUInt64LE(value, 8 * i);
    return bytes;
  };
  /** Blocks 0 and 1 change places. */
  const swap: LogWrite = { at: BAT_AT, page: page([BigInt(5 * MiB) | 6n, BigInt(4 * MiB) | 6n, 0n]) };
  const none: LogWrite = { at: BAT_AT, page: page([BigInt(4 * MiB) | 6n, 2n, 0n]) };
  const entry = (sequence: number, tail: number, writes: readonly LogWrite[], lastBytes = fileBytes) =>
    logEntry(sequence, tail, writes, { logGuid, fileBytes, lastBytes });
  const withLog = (...entries: [at: number, bytes: Buffer][]): Buffer => {
    const log = Buffer.alloc(MiB);
    for (const [at, bytes] of entries) putEntry(log, at, bytes);
    return makeVhdx({ ...base, logGuid, log });
  };
  const read = async (bytes: Buffer): Promise<{ content: Buffer; codes: string[] }> => {
    const path = write(bytes);
    const { disk, diagnostics } = await openImage(path, [vhdxFormat]);
    const content = await readAll(disk.source);
    expect(disk.details['logReplayed']).toBe(true);
    await disk.close();
    return { content, codes: diagnostics().map(({ code: one }) => one.slice(7)) };
  };

  it('is applied in memory', async () => {
    const { content, codes } = await read(withLog([0, entry(5, 0, [swap])]));
    expect(content.equals(Buffer.concat([block(1), block(0), Buffer.alloc(MiB)]))).toBe(true);
    expect(codes).toEqual(['VHDX_LOG_REPLAYED']);
  });

  it('is a sequence from the tail that its last entry names, around the end of the ring', async () => {
    const last = MiB - 4096;
    const first = entry(10, last, [none]); // 8 KiB: its second half lies at the ring's beginning
    const second = entry(11, last, [swap]);
    const { content } = await read(withLog([last, first], [4096, second], [65536, entry(8, 65536, [none])]));
    expect(content.equals(Buffer.concat([block(1), block(0), Buffer.alloc(MiB)]))).toBe(true);
  });

  it('writes later over earlier, pages over zeros and zeros over pages', async () => {
    const marked = Buffer.alloc(4096, 'Z');
    const zeros: LogWrite = { at: 4 * MiB, zeros: 65536 };
    const over: LogWrite = { at: 4 * MiB + 8192, page: marked };
    const { content } = await read(withLog([0, entry(5, 0, [over, zeros])], [8192, entry(6, 0, [over])]));
    const expected = Buffer.concat([block(0), block(1), Buffer.alloc(MiB)])
      .fill(0, 0, 65536)
      .fill('Z', 8192, 12288);
    expect(content.equals(expected)).toBe(true);
  });

  it('may make the file longer', async () => {
    const grown: LogWrite = {
      at: BAT_AT,
      page: page([BigInt(4 * MiB) | 6n, BigInt(5 * MiB) | 6n, BigInt(6 * MiB) | 6n]),
    };
    const { content } = await read(
      withLog([0, entry(5, 0, [grown, { at: 6 * MiB, page: Buffer.alloc(4096, 'G') }], 7 * MiB)]),
    );
    expect(content.subarray(2 * MiB, 2 * MiB + 4096).equals(Buffer.alloc(4096, 'G'))).toBe(true);
    expect(content.subarray(2 * MiB + 4096).every((byte) => byte === 0)).toBe(true);
  });

  it('ignores entries of another log, damaged ones, and sequences that are broken', async () => {
    const foreign = logEntry(99, 0, [none], { logGuid: '0'.repeat(31) + '1', fileBytes });
    const damaged = entry(100, 16384, [none]);
    damaged[5000] = 1;
    const { content } = await read(
      withLog(
        [0, foreign],
        [16384, damaged],
        [32768, entry(50, 65536, [none])],
        [65536, entry(48, 65536, [none])],
        [131072, entry(20, 131072, [swap])],
      ),
    );
    // 50 names 48 as its tail, but 49 is not there; 48 alone is the newest sound sequence.
    expect(content.equals(Buffer.concat([block(0), Buffer.alloc(2 * MiB)]))).toBe(true);
  });

  it.each<[string, Buffer, string]>([
    ['is empty', makeVhdx({ ...base, logGuid }), 'VHDX_LOG_DAMAGED'],
    [
      'was flushed when the file was longer',
      withLog([0, logEntry(5, 0, [swap], { logGuid, fileBytes: 99 * MiB })]),
      'VHDX_FILE_OUT_OF_FILE',
    ],
    [
      'writes parts of sectors',
      withLog([0, entry(5, 0, [{ at: 512, page: Buffer.alloc(4096) }])]),
      'VHDX_LOG_DAMAGED',
    ],
    ['zeros parts of sectors', withLog([0, entry(5, 0, [{ at: 4096, zeros: 100 }])]), 'VHDX_LOG_DAMAGED'],
  ])('that %s', async (_, bytes, expected) => {
    expect(await code(open(bytes))).toBe(expected);
  });

  it.each<[string, (entry: Buffer) => void]>([
    ['a descriptor of an unknown kind', (bytes) => bytes.write('what', 64, 'latin1')],
    ['a descriptor of another entry', (bytes) => bytes.writeUInt8(9, 64 + 24)],
    ['a sector of another entry', (bytes) => bytes.writeUInt8(9, 4096 + 4092)],
    [
      'more descriptors than sectors',
      (bytes) => {
        bytes.writeUInt32LE(2, 24);
        bytes.copy(bytes, 96, 64, 96);
      },
    ],
  ])('refuses %s', async (_, spoil) => {
    const bytes = entry(5, 0, [swap]);
    spoil(bytes);
    seal(bytes);
    expect(await code(open(withLog([0, bytes])))).toBe('VHDX_LOG_DAMAGED');
  });

  it('full of headers that announce the whole ring ends soon', async () => {
    const log = Buffer.alloc(MiB);
    const bytes = entry(5, 0, [swap]);
    bytes.writeUInt32LE(MiB, 8);
    for (let at = 0; at < MiB; at += 4096) bytes.copy(log, at, 0, 4096);
    expect(await code(open(makeVhdx({ ...base, logGuid, log })))).toBe('VHDX_LOG_DAMAGED');
  });
});

describe('damage', () => {
  const sound = (): Buffer => makeVhdx({ size: 2 * MiB, blocks: [present(0), present(1)] });
  const changed = (...changes: [at: number, value: number][]): Buffer => {
    const bytes = sound();
    for (const [at, value] of changes) bytes.writeUInt32LE(value, at);
    return bytes;
  };
  const H1 = 64 * 1024;
  const H2 = 128 * 1024;
  const R1 = 192 * 1024;
  const R2 = 256 * 1024;
  const resealed = (spoil: (header: Buffer) => void): Buffer => {
    const bytes = sound();
    for (const at of [H1, H2]) {
      spoil(bytes.subarray(at, at + 4096));
      seal(bytes.subarray(at, at + 4096));
    }
    return bytes;
  };

  it.each<[string, Buffer, string]>([
    ['both headers', changed([H1 + 16, 1], [H2 + 16, 1]), 'VHDX_HEADER_CHECKSUM'],
    ['both region tables', changed([R1 + 40, 1], [R2 + 40, 1]), 'VHDX_REGION_TABLE_CHECKSUM'],
    ['version 2', resealed((header) => header.writeUInt16LE(2, 66)), 'VHDX_VERSION'],
    ['version 1 of the log', resealed((header) => header.writeUInt16LE(1, 64)), 'VHDX_VERSION'],
    [
      'a log outside of the file',
      resealed((header) => {
        guid('1'.repeat(32)).copy(header, 48);
        header.writeUInt32LE(0x10000000, 72);
      }),
      'VHDX_LOG_OUT_OF_FILE',
    ],
    ['a state without meaning', changed([BAT_AT, 4 * MiB + 5]), 'VHDX_BLOCK_STATE'],
    ['a partial block without parent', changed([BAT_AT, 4 * MiB + 7]), 'VHDX_BLOCK_STATE'],
    ['a block in the headers', changed([BAT_AT, 6]), 'VHDX_BLOCK_IN_HEADER'],
    ['two blocks at one place', changed([BAT_AT + 8, 4 * MiB + 6]), 'VHDX_BLOCKS_OVERLAP'],
    ['a cut file', sound().subarray(0, 3 * MiB), 'VHDX_REGION_OUT_OF_FILE'],
  ])('%s', async (_, bytes, expected) => {
    expect(await code(open(bytes))).toBe(expected);
  });

  const region = (spoil: (table: Buffer) => void) =>
    makeVhdx({ size: MiB, blocks: [present(0)], spoilRegions: spoil });
  const metadata = (spoil: (table: Buffer) => void) =>
    makeVhdx({ size: MiB, blocks: [present(0)], spoilMetadata: spoil });
  it.each<[string, Buffer, string]>([
    ['a required region from the future', region((t) => guid('5'.repeat(32)).copy(t, 16)), 'VHDX_REGION'],
    ['a region at an odd place', region((t) => t.writeUInt32LE(BAT_AT + 512, 32)), 'VHDX_REGION_OUT_OF_FILE'],
    ['regions over each other', region((t) => t.writeUInt32LE(2 * MiB, 32)), 'VHDX_REGIONS_OVERLAP'],
    ['a region twice', region((t) => t.copy(t, 48, 16, 32)), 'VHDX_REGION_TWICE'],
    ['one region', region((t) => t.writeUInt32LE(1, 8)), 'VHDX_REGION_MISSING'],
    ['a million regions', region((t) => t.writeUInt32LE(1_000_000, 8)), 'VHDX_REGION_TABLE_CHECKSUM'],
    ['no metadata signature', metadata((m) => m.fill(0, 0, 8)), 'VHDX_METADATA_TABLE'],
    ['too much metadata', metadata((m) => m.writeUInt16LE(0xffff, 10)), 'VHDX_METADATA_TABLE'],
    ['a required item from the future', metadata((m) => guid('5'.repeat(32)).copy(m, 32)), 'VHDX_METADATA'],
    [
      'an item outside of its region',
      metadata((m) => m.writeUInt32LE(MiB - 2, 48)),
      'VHDX_METADATA_OUT_OF_REGION',
    ],
    ['an item twice', metadata((m) => m.copy(m, 64, 32, 64)), 'VHDX_METADATA_TWICE'],
    ['no item', metadata((m) => m.writeUInt16LE(0, 10)), 'VHDX_METADATA_MISSING'],
    ['blocks of 3 MiB', metadata((m) => m.writeUInt32LE(3 * MiB, 65536)), 'VHDX_BLOCK_SIZE'],
    ['blocks of 512 bytes', metadata((m) => m.writeUInt32LE(512, 65536)), 'VHDX_BLOCK_SIZE'],
    ['a disk of an exabyte', metadata((m) => m.writeUInt32LE(0x0fffff, 65536 + 12)), 'VHDX_DISK_SIZE'],
    ['a disk larger than its table', metadata((m) => m.writeUInt32LE(0x40, 65536 + 12)), 'VHDX_TABLE_SIZE'],
    ['half a sector', metadata((m) => m.writeUInt32LE(MiB - 256, 65536 + 8)), 'VHDX_DISK_SIZE'],
    ['sectors of 1024', metadata((m) => m.writeUInt32LE(1024, 65536 + 32)), 'VHDX_SECTOR_SIZE'],
  ])('%s', async (_, bytes, expected) => {
    expect(await code(open(bytes))).toBe(expected);
  });

  it('of one copy is got over', async () => {
    const one = await open(changed([H2 + 16, 1]));
    expect(one.diagnostics().map((d) => d.code)).toEqual(['IMGOPT_VHDX_HEADER_DAMAGED']);
    await one.disk.close();
    const two = await open(changed([R1 + 40, 1]));
    expect(two.diagnostics().map((d) => d.code)).toEqual(['IMGOPT_VHDX_REGION_TABLE_DAMAGED']);
    await two.disk.close();
  });

  it('of a truncated file is reported, and reading there fails', async () => {
    const { disk, diagnostics } = await open(sound().subarray(0, 5 * MiB));
    expect(diagnostics().map((d) => `${d.severity} ${d.code}`)).toEqual([
      'error IMGOPT_VHDX_BLOCK_OUT_OF_FILE',
    ]);
    expect(await code(disk.source.read(Buffer.alloc(512), MiB))).toBe('VHDX_BLOCK_OUT_OF_FILE');
    await disk.close();
  });
});

describe('what qemu-img made', () => {
  it('holds what qemu-img says', async () => {
    const [name, expected] = Object.entries(
      fixtureExpected<Record<string, { size: number; sha256: string }>>('vhdx'),
    )[0]!;
    const { disk, diagnostics } = await openImage(fixturePath(`vhdx/${name}`), [vhdxFormat]);
    expect(disk.source.size).toBe(expected.size);
    expect(
      createHash('sha256')
        .update(await readAll(disk.source))
        .digest('hex'),
    ).toBe(expected.sha256);
    expect(diagnostics()).toEqual([]);
    await disk.close();
  });
});

describe('as the host opens it', () => {
  it('a parent that is not where one name says is found under another', async () => {
    const parentGuid = 'abcdef01-2345-6789-abcd-ef0123456789';
    write(makeVhdx({ size: MiB, dataGuid: parentGuid, blocks: [present(0, 'old')] }), 'beside.vhdx');
    const child = write(
      makeVhdx({
        size: MiB,
        blocks: [{ state: 'absent' }],
        locator: {
          parent_linkage: `{${parentGuid}}`,
          relative_path: 'moved\\beside.vhdx',
          absolute_win32_path: 'C:\\vm\\beside.vhdx',
        },
      }),
    );
    const rules = { formats: createRegistry().formats, followOutside: false };
    const artifact = await openArtifact(child, new RunContext({ log: new DiagnosticLog() }), rules);
    expect((await readAll(artifact.disk.source)).equals(block(0, 'old'))).toBe(true);
    await artifact.close();
  });
});
