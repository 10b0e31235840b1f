import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSameFile, OutputFile } from '../../src/core/output-file.ts';
import { dataRuns, isZero } from '../../src/core/zeros.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'imgopt-output-'));
  path = join(folder, 'out');
});
afterEach(() => rmSync(folder, { recursive: true }));

it('has its name only when it is finished', async () => {
  const file = await OutputFile.create(path, { force: false });
  await file.write(Buffer.from('hello '));
  await file.write(Buffer.from('world'));
  expect(existsSync(path)).toBe(false);
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.out\.[0-9a-f]{12}\.imgopt-partial$/)]);
  await file.finish();
  await file.abort(); // too late, does nothing
  expect(readdirSync(folder)).toEqual(['out']);
  expect(readFileSync(path, 'utf8')).toBe('hello world');
});

it('leaves nothing when it is given up, however often', async () => {
  const file = await OutputFile.create(path, { force: false });
  await file.write(Buffer.alloc(100_000, 1));
  await file.abort();
  await file.abort();
  expect(readdirSync(folder)).toEqual([]);
});

it('does not replace a file that appeared meanwhile', async () => {
  const file = await OutputFile.create(path, { force: false });
  await file.write(Buffer.from('new'));
  writeFileSync(path, 'precious');
  await expect(file.finish()).rejects.toMatchObject({ code: 'IMGOPT_OUTPUT_EXISTS', exitCode: 4 });
  expect(readdirSync(folder)).toEqual(['out']);
  expect(readFileSync(path, 'utf8')).toBe('precious');
  await expect(OutputFile.create(path, { force: false })).rejects.toMatchObject({
    code: 'IMGOPT_OUTPUT_EXISTS',
  });
});

it('replaces what a link points to, with force', async () => {
  writeFileSync(path, 'old');
  symlinkSync('out', join(folder, 'link'));
  const file = await OutputFile.create(join(folder, 'link'), { force: true, mode: 0o600 });
  await file.write(Buffer.from('new'));
  expect(readFileSync(path, 'utf8')).toBe('old');
  await file.finish();
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).sort()).toEqual(['link', 'out']);
});

it('has holes where nothing was written, up to its end', async () => {
  const file = await OutputFile.create(path, { force: false });
  const block = Buffer.alloc(64 * 1024);
  block.fill(7, 5000, 6000);
  await file.writeSparse(block);
  expect(file.reserve(1 << 20)).toBe(64 * 1024);
  await file.writeAt(Buffer.from('in the middle'), 500_000);
  await file.writeSparse(Buffer.alloc(1 << 20));
  await file.finish();
  const expected = Buffer.alloc((1 << 16) + (2 << 20));
  block.copy(expected);
  expected.write('in the middle', 500_000);
  expect(readFileSync(path).equals(expected)).toBe(true);
  if (process.platform === 'linux') expect(statSync(path).blocks).toBeLessThan(200);
});

it('takes names of any length', async () => {
  const long = join(folder, 'ä'.repeat(120));
  const file = await OutputFile.create(long, { force: false });
  await file.finish();
  expect(existsSync(long)).toBe(true);
});

it('knows one file by two names', async () => {
  writeFileSync(path, '');
  symlinkSync('out', join(folder, 'link'));
  expect(await isSameFile(path, join(folder, 'link'))).toBe(true);
  expect(await isSameFile(path, join(folder, 'none'))).toBe(false);
});

it('finds zeros, wherever the one other byte is', () => {
  for (const length of [0, 1, 7, 4096, 3_000_000]) {
    const bytes = new Uint8Array(length);
    expect(isZero(bytes)).toBe(true);
    for (const at of [0, 1, length >> 1, length - 2, length - 1]) {
      if (at < 0 || at >= length) continue;
      bytes[at] = 1;
      expect(isZero(bytes), `${at} of ${length}`).toBe(false);
      bytes[at] = 0;
    }
  }
});

it('cuts runs at the units of the file, not of the buffer', () => {
  const bytes = new Uint8Array(100);
  bytes[25] = 1;
  expect(dataRuns(bytes, 10)).toEqual([20, 30]);
  // The buffer stands at 7 in the file: units end at 3, 13, 23, 33 of it.
  expect(dataRuns(bytes, 10, 7)).toEqual([23, 33]);
  bytes[99] = 1;
  expect(dataRuns(bytes, 10, 7)).toEqual([23, 33, 93, 100]);
  expect(dataRuns(new Uint8Array(0), 10)).toEqual([]);
});
