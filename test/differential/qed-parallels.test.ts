/** QED and Parallels as qemu-img makes them, with qemu-io's writes in between. */
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { parallelsFormat } from '../../src/disk/formats/parallels/parallels.ts';
import { qcow2Format } from '../../src/disk/formats/qcow2/qcow2.ts';
import { qedFormat } from '../../src/disk/formats/qed/qed.ts';
import { rawFormat } from '../../src/disk/formats/raw/raw.ts';
import { imgopt } from '../support/cli.ts';
import { openImage, positionCoded, readAll, readMap } from '../support/image-context.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const MiB = 1024 * 1024;
const SIZE = 31 * MiB + 13 * 512;
const FORMATS = [parallelsFormat, qedFormat, qcow2Format, rawFormat];
const CASES = [
  ['plain.qed', 'qed', 'cluster_size=64k'],
  ['small.qed', 'qed', 'cluster_size=4k,table_size=2'],
  ['large.qed', 'qed', 'cluster_size=1M,table_size=2'],
  ['plain.hds', 'parallels', 'cluster_size=1M'],
  ['small.hds', 'parallels', 'cluster_size=64k'],
] as const;

interface Row {
  start: number;
  length: number;
  data: boolean;
  present: boolean;
  depth: number;
}

function merged(rows: readonly (readonly [start: number, length: number, what: string])[]) {
  const result: [number, number, string][] = [];
  for (const [start, length, what] of rows) {
    const last = result.at(-1);
    if (last?.[2] === what) last[1] += length;
    else result.push([start, length, what]);
  }
  return result;
}

describeWithTools(['qemu-img', 'qemu-io'], 'QED and Parallels against qemu-img', () => {
  const folder = temporaryFolder();
  const path = (name: string): string => join(folder, name);

  async function write(format: string, name: string, ...commands: string[]): Promise<void> {
    await runTool('qemu-io', ['-f', format, ...commands.flatMap((one) => ['-c', one]), path(name)]);
  }

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
      await runTool('qemu-img', [
        ...['convert', '-f', 'raw', '-O', format, '-o', options],
        ...[path('disk.raw'), path(name)],
      ]);
      // Blocks out of order, written over and partly.
      await write(format, name, 'write -P 7 20M 3k', 'write -P 8 12M 1M', 'write -P 9 1536 512');
      await write(format, name, 'write -z 4M 1M', 'write -z 25M 256k');
      await runTool('qemu-img', ['check', '-f', format, path(name)]);
    }
  });

  /** Content, map and books of an image, and any part of it, against qemu-img. */
  async function compare(name: string, format: string): Promise<void> {
    await runTool('qemu-img', ['convert', '-f', format, '-O', 'raw', path(name), path(`${name}.raw`)]);
    const expected = readFileSync(path(`${name}.raw`));
    const { disk, diagnostics } = await openImage(path(name), FORMATS);
    expect(disk.format).toBe(format);
    expect((await readAll(disk.source, 3_000_001)).equals(expected)).toBe(true);
    expect(diagnostics()).toEqual([]);
    const map = await readMap(disk.source);
    const rows = JSON.parse(
      await runTool('qemu-img', ['map', '-f', format, '--output=json', path(name)]),
    ) as Row[];
    const theirs = rows.map(({ start, length, data, present, depth }): [number, number, string] => {
      const own = data && depth === 0 ? 'own' : 'of another file';
      return [start, length, data ? `data, ${own}` : present && format === 'qed' ? 'zero' : 'hole'];
    });
    const ours = map.map(({ start, end, kind, stored }): [number, number, string] => [
      start,
      end - start,
      kind === 'data' ? `data, ${stored > 0 ? 'own' : 'of another file'}` : kind,
    ]);
    // Where a raw backing file has holes on the host, Node cannot tell.
    const ownOnly = (rows: [number, number, string][]) =>
      merged(disk.mapIsExact ? rows : rows.filter(([, , what]) => what === 'data, own'));
    expect(ownOnly(ours)).toEqual(ownOnly(theirs));
    expect(ours.some(([, , what]) => what === 'data, own')).toBe(true);
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
          expect(part.map((one) => [one.start, one.end, one.kind])).toEqual(
            clipped.map((one) => [one.start, one.end, one.kind]),
          );
        },
      ),
      { numRuns: 40, seed: 815 },
    );
    await disk.close();
  }

  it.each(CASES)('reads and maps %s', (name, format) => compare(name, format));

  it('reads a Parallels image with the older magic', async () => {
    const bytes = readFileSync(path('small.hds'));
    bytes.write('WithoutFreeSpace', 0, 'latin1');
    const clusterSectors = bytes.readUInt32LE(28);
    for (let at = 64; at < 64 + 4 * bytes.readUInt32LE(32); at += 4)
      bytes.writeUInt32LE(bytes.readUInt32LE(at) * clusterSectors, at);
    writeFileSync(path('older.hds'), bytes);
    await compare('older.hds', 'parallels');
  });

  it.each([
    ['raw', ['-b', 'base', '-F', 'raw'], 'raw'],
    ['qcow2', ['-b', 'base', '-F', 'qcow2'], null],
    ['qed', ['-b', 'base', '-F', 'qed'], null],
  ] as const)('reads a QED over a backing file: %s', async (format, options, said) => {
    // The backing file is shorter than the disk, and begins with what looks like an image of its own.
    await runTool('qemu-img', ['convert', '-f', 'raw', '-O', format, path('disk.raw'), path('base')]);
    const name = 'top.qed';
    await runTool('qemu-img', ['create', '-f', 'qed', ...options, path(name), '40M'], { cwd: folder });
    await write(
      'qed',
      name,
      'write -P 3 100k 10k',
      'write -z 5M 1M',
      'write -P 4 39M 4k',
      'write -P 5 7M 64k',
    );
    await compare(name, 'qed');
    const { disk } = await openImage(path(name), FORMATS);
    expect(disk.details).toMatchObject({ backingFile: 'base', backingFormat: said });
    expect(disk.files.map(({ role, format: kind }) => [role, kind])).toEqual([
      ['image', 'qed'],
      ['backing', format],
    ]);
    await disk.close();
  });

  it('says what a folder of Parallels is', async () => {
    mkdirSync(path('disk.hdd'));
    writeFileSync(path('disk.hdd/DiskDescriptor.xml'), '<?xml version="1.0"?>');
    copyFileSync(path('small.hds'), path('disk.hdd/disk.hdd.0.hds'));
    const refused = await imgopt(['analyze', path('disk.hdd')]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('IMGOPT_PARALLELS_BUNDLE');
    expect((await imgopt(['analyze', path('disk.hdd/disk.hdd.0.hds'), '--json'])).stdout).toContain(
      '"parallels"',
    );
  });
});
