/** VHD and VDI as qemu-img makes them, with qemu-io's writes in between; differencing VHDs against 7-Zip. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { vdiFormat } from '../../src/disk/formats/vdi/vdi.ts';
import { vhdFormat } from '../../src/disk/formats/vhd/vhd.ts';
import { makeVhd } from '../disk/formats/vhd-made.ts';
import { openImage, positionCoded, readAll, readMap } from '../support/image-context.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const MiB = 1024 * 1024;
const SIZE = 31 * MiB + 13 * 512;
const CASES = [
  ['dynamic.vhd', 'vpc', 'force_size=on'],
  ['fixed.vhd', 'vpc', 'subformat=fixed,force_size=on'],
  // Without force_size, qemu rounds the disk up to whole cylinders.
  ['cylinders.vhd', 'vpc', 'subformat=dynamic'],
  ['dynamic.vdi', 'vdi', 'static=off'],
  ['static.vdi', 'vdi', 'static=on'],
] as const;

interface Row {
  start: number;
  length: number;
  data: boolean;
}

function merged(rows: readonly Row[]): Row[] {
  const result: Row[] = [];
  for (const { start, length, data } of rows) {
    const last = result.at(-1);
    if (last !== undefined && last.data === data) last.length += length;
    else result.push({ start, length, data });
  }
  return result;
}

describeWithTools(['qemu-img', 'qemu-io'], 'VHD and VDI against qemu-img', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);

  beforeAll(async () => {
    const file = openSync(path('disk.raw'), 'w');
    for (const [start, length] of [
      [0, 300 * 1024],
      [4 * MiB + 512, 3 * MiB],
      [SIZE - 512, 512],
    ] as const) {
      writeSync(file, positionCoded(start, length, 'disk'), 0, length, start);
    }
    ftruncateSync(file, SIZE);
    closeSync(file);
    for (const [name, format, options] of CASES) {
      const image = path(name);
      await runTool('qemu-img', [
        'convert',
        '-f',
        'raw',
        '-O',
        format,
        '-o',
        options,
        path('disk.raw'),
        image,
      ]);
      // Blocks out of order, written over and partly.
      const writes = ['write -P 7 20M 3k', 'write -P 8 12M 1M', 'write -P 9 1536 512', 'write -z 4M 1M'];
      await runTool('qemu-io', ['-f', format, ...writes.flatMap((one) => ['-c', one]), image]);
      await runTool('qemu-img', ['convert', '-f', format, '-O', 'raw', image, path(`${name}.raw`)]);
    }
  });

  it.each(CASES)('reads and maps %s', async (name, format) => {
    const expected = readFileSync(path(`${name}.raw`));
    const { disk, diagnostics } = await openImage(path(name), [vhdFormat, vdiFormat]);
    expect(disk.format).toBe(format);
    expect((await readAll(disk.source, 3_000_001)).equals(expected)).toBe(true);
    expect(diagnostics()).toEqual([]);
    const map = await readMap(disk.source);
    if (disk.mapIsExact) {
      const rows = JSON.parse(
        await runTool('qemu-img', ['map', '-f', format, '--output=json', path(name)]),
      ) as Row[];
      const ours = map.map(({ start, end, kind }) => ({ start, length: end - start, data: kind === 'data' }));
      expect(merged(ours)).toEqual(merged(rows));
    } else {
      expect(name).toMatch(/fixed|static/);
    }
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: expected.length - 1 }),
        fc.nat({ max: 5 * MiB }),
        async (start, length) => {
          const end = Math.min(expected.length, start + length);
          const target = Buffer.alloc(end - start, 0xee);
          await disk.source.read(target, start);
          expect(target.equals(expected.subarray(start, end))).toBe(true);
          const part = await readMap(disk.source, { start, end });
          const clipped = map
            .map((one) => ({ ...one, start: Math.max(start, one.start), end: Math.min(end, one.end) }))
            .filter((one) => one.end > one.start);
          expect(part.map(({ start: from, end: to, kind }) => [from, to, kind])).toEqual(
            clipped.map(({ start: from, end: to, kind }) => [from, to, kind]),
          );
        },
      ),
      { numRuns: 40, seed: 815 },
    );
    await disk.close();
  });
});

describeWithTools(['7zz'], 'differencing VHDs against 7-Zip', () => {
  const folder = temporaryFolder();

  it('reads the same through three generations', async () => {
    const size = 6 * MiB + 512;
    const sectors = (seed: string, ...stretches: readonly (readonly [first: number, count: number])[]) =>
      stretches.map(([first, count]) => ({ first, bytes: positionCoded(first * 512, count * 512, seed) }));
    const link = (uuid: string, name: string) => ({
      ...{ uuid, timestamp: 77, name },
      locators: [
        ['W2ru', `.\\${name}`],
        ['W2ku', `C:\\vm\\${name}`],
      ] as const,
    });
    const [a, b] = ['aa'.repeat(16), 'bb'.repeat(16)];
    const write = (name: string, bytes: Buffer): void => writeFileSync(join(folder, name), bytes);
    write(
      'base.vhd',
      makeVhd(
        size,
        [
          { block: 0, sectors: sectors('base', [0, 4096]) },
          { block: 3, sectors: sectors('base', [0, 1]) },
        ],
        { uuid: a },
      ),
    );
    write(
      'middle.vhd',
      makeVhd(
        size,
        [
          { block: 1, sectors: sectors('mid', [7, 2], [4095, 1]) },
          { block: 0, sectors: sectors('mid', [0, 1], [9, 15], [1000, 64]) },
        ],
        { uuid: b, parent: link(a, 'base.vhd') },
      ),
    );
    write(
      'top.vhd',
      makeVhd(size, [{ block: 0, sectors: sectors('top', [8, 8], [1032, 1]) }], {
        parent: link(b, 'middle.vhd'),
      }),
    );
    for (const name of ['middle.vhd', 'top.vhd']) {
      const { disk, diagnostics } = await openImage(join(folder, name), [vhdFormat]);
      const expected = runToolSync('7zz', ['e', '-so', join(folder, name)]);
      expect(expected.length).toBe(size);
      expect((await readAll(disk.source)).equals(expected)).toBe(true);
      expect(diagnostics()).toEqual([]);
      await disk.close();
    }
  });
});
