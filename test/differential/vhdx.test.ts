/** VHDX as qemu-img makes it, with qemu-io's writes in between, a log that qemu replays, and parents as 7-Zip reads them. */
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { vhdxFormat } from '../../src/disk/formats/vhdx/vhdx.ts';
import { BAT_AT, type LogWrite, logEntry, MiB, makeVhdx, putEntry } from '../disk/formats/vhdx-made.ts';
import { openImage, positionCoded, readAll, readMap } from '../support/image-context.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const SIZE = 31 * MiB + 13 * 512;
const CASES = [
  ['dynamic-1m', 'subformat=dynamic,block_size=1M'],
  ['dynamic', 'subformat=dynamic'],
  ['dynamic-holes', 'subformat=dynamic,block_size=2M,block_state_zero=off'],
  ['fixed', 'subformat=fixed,block_size=4M'],
  ['log', 'subformat=dynamic,block_size=8M,log_size=4M'],
] as const;

describeWithTools(['qemu-img', 'qemu-io'], 'VHDX against qemu-img', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);

  beforeAll(async () => {
    const file = openSync(path('disk.raw'), 'w');
    for (const [start, length] of [
      [0, 300 * 1024],
      [4 * MiB + 512, 3 * MiB],
      [SIZE - 512, 512],
    ] as const)
      writeSync(file, positionCoded(start, length, 'disk'), 0, length, start);
    ftruncateSync(file, SIZE);
    closeSync(file);
  });

  it.each(CASES)('reads %s as qemu-img does', async (name, options) => {
    const image = path(`${name}.vhdx`);
    await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'vhdx', '-o', options, path('disk.raw'), image]);
    // Blocks out of order, written over and partly.
    const writes = ['write -P 7 20M 3k', 'write -P 8 12M 1M', 'write -P 9 1536 512'];
    await runTool('qemu-io', ['-f', 'vhdx', ...writes.flatMap((one) => ['-c', one]), image]);
    await runTool('qemu-img', ['convert', '-f', 'vhdx', '-O', 'raw', image, path(`${name}.raw`)]);
    const expected = readFileSync(path(`${name}.raw`));
    const { disk, diagnostics } = await openImage(image, [vhdxFormat]);
    expect((await readAll(disk.source, 3_000_001)).equals(expected)).toBe(true);
    expect(diagnostics().filter(({ severity }) => severity !== 'info')).toEqual([]);
    // qemu's driver has no map of VHDX: what is not data must be zeros, and what is stored fits into the file.
    let stored = 0;
    let at = 0;
    for (const extent of await readMap(disk.source)) {
      expect(extent.start).toBe(at);
      at = extent.end;
      stored += extent.stored;
      if (extent.kind !== 'data')
        expect(expected.subarray(extent.start, extent.end).every((byte) => byte === 0)).toBe(true);
    }
    expect(at).toBe(SIZE);
    expect(stored).toBeLessThan(readFileSync(image).length);
    expect(stored).toBeGreaterThanOrEqual(4 * MiB);
    await disk.close();
  });

  it('replays a log as qemu does', async () => {
    const logGuid = '99999999-8888-7777-6666-555555555555';
    const blocks = [0, 1, 2].map((block) => ({
      state: 'present' as const,
      bytes: positionCoded(block * MiB, MiB, 'disk'),
    }));
    const page = Buffer.alloc(4096);
    // Blocks 0 and 1 change places; the third turns to zeros.
    for (const [i, entry] of [BigInt(5 * MiB) | 6n, BigInt(4 * MiB) | 6n, 2n].entries())
      page.writeBigUInt64LE(entry, 8 * i);
    const writes: LogWrite[] = [
      { at: BAT_AT, page },
      { at: 4 * MiB + 8192, page: positionCoded(0, 4096, 'log') },
    ];
    const options = { logGuid, fileBytes: 7 * MiB };
    const log = Buffer.alloc(MiB);
    const tail = MiB - 8192;
    putEntry(log, tail, logEntry(21, tail, [{ at: 5 * MiB, zeros: 16384 }], options));
    putEntry(log, MiB - 4096, logEntry(22, tail, writes, options)); // around the end of the ring
    const image = path('logged.vhdx');
    writeFileSync(image, makeVhdx({ size: 3 * MiB, blocks, logGuid, log }));
    copyFileSync(image, path('replayed.vhdx'));
    await runTool('qemu-img', ['check', '-r', 'all', '-f', 'vhdx', path('replayed.vhdx')]);
    await runTool('qemu-img', [
      'convert',
      '-f',
      'vhdx',
      '-O',
      'raw',
      path('replayed.vhdx'),
      path('replayed.raw'),
    ]);
    const before = readFileSync(image);
    const { disk, diagnostics } = await openImage(image, [vhdxFormat]);
    expect((await readAll(disk.source)).equals(readFileSync(path('replayed.raw')))).toBe(true);
    expect(diagnostics().map(({ code }) => code)).toEqual(['IMGOPT_VHDX_LOG_REPLAYED']);
    await disk.close();
    expect(readFileSync(image).equals(before)).toBe(true);
  });
});

describeWithTools(['7zz'], 'differencing VHDX against 7-Zip', () => {
  const folder = temporaryFolder();

  it('reads the same through three generations', async () => {
    const size = 4 * MiB;
    const [a, b] = ['aaaaaaaa-1111-4222-8333-444444444444', 'bbbbbbbb-1111-4222-8333-444444444444'];
    const locator = (guid: string, name: string) => ({
      parent_linkage: `{${guid}}`,
      relative_path: `.\\${name}`,
      absolute_win32_path: `C:\\vm\\${name}`,
    });
    const present = (block: number, seed: string) => ({
      state: 'present' as const,
      bytes: positionCoded(block * MiB, MiB, seed),
    });
    const partial = (block: number, seed: string, ...sectors: number[]) => ({
      state: 'partial' as const,
      bytes: positionCoded(block * MiB, MiB, seed),
      sectors: new Set(sectors),
    });
    const absent = { state: 'absent' as const };
    const files = {
      'base.vhdx': makeVhdx({
        size,
        dataGuid: a,
        blocks: [present(0, 'base'), absent, present(2, 'base'), { state: 'zero' }],
      }),
      'middle.vhdx': makeVhdx({
        size,
        dataGuid: b,
        locator: locator(a, 'base.vhdx'),
        blocks: [
          partial(0, 'middle', 0, 9, 10, 11, 1000),
          present(1, 'middle'),
          absent,
          partial(3, 'middle', 2047),
        ],
      }),
      'top.vhdx': makeVhdx({
        size,
        locator: locator(b, 'middle.vhdx'),
        blocks: [partial(0, 'top', 8, 9, 1032), absent, partial(2, 'top', 0, 1, 2, 2047), absent],
      }),
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    for (const name of ['middle.vhdx', 'top.vhdx']) {
      const { disk, diagnostics } = await openImage(join(folder, name), [vhdxFormat]);
      const expected = runToolSync('7zz', ['e', '-so', join(folder, name)]);
      expect(expected.length).toBe(size);
      expect((await readAll(disk.source)).equals(expected), name).toBe(true);
      expect(diagnostics()).toEqual([]);
      await disk.close();
    }
  });
});
