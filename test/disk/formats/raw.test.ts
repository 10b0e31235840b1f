import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rawFormat } from '../../../src/disk/formats/raw/raw.ts';
import { openImage, positionCoded, readAll, readMap } from '../../support/image-context.ts';
import { temporaryFolder } from '../../support/temp.ts';

const folder = temporaryFolder();

it('is the file itself, all of it data', async () => {
  const path = join(folder, 'disk.raw');
  const content = positionCoded(0, 4096 * 5 + 512, 'raw');
  writeFileSync(path, content);
  const { disk } = await openImage(path, [rawFormat]);
  expect(await readAll(disk.source, 1000)).toEqual(content);
  expect(await readMap(disk.source)).toEqual([
    { start: 0, end: content.length, kind: 'data', stored: content.length },
  ]);
  expect(disk.files).toMatchObject([{ path, role: 'image', format: 'raw', fileSize: content.length }]);
  expect(disk).toMatchObject({ format: 'raw', snapshotBytes: 0, details: {} });
  await disk.close();
});

it('knows its map only where the host allocates all of the file', async () => {
  const source = { path: '/x', fileSize: 1 << 20 };
  const open = async (allocated: number): Promise<boolean> => {
    const context = { file: { ...source, allocated } } as Parameters<typeof rawFormat.open>[1];
    const file = { size: 1 << 20 } as Parameters<typeof rawFormat.open>[0];
    return (await rawFormat.open(file, context)).mapIsExact;
  };
  expect(await open(1 << 20)).toBe(true);
  expect(await open((1 << 20) + 4096)).toBe(true);
  expect(await open((1 << 20) - 4096)).toBe(false);
});

it('claims no file', () => {
  const head = new Uint8Array(512);
  expect(rawFormat.probe({ head, tail: head, size: 512 })).toBeUndefined();
});
