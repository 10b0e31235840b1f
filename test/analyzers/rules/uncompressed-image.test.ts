import { randomFillSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { logs } from '../../../src/analyzers/rules/logs.ts';
import { uncompressedImage } from '../../../src/analyzers/rules/uncompressed-image.ts';
import { books, disk, MiB } from './disk.ts';
import { guest, resolved, suggestions } from './support.ts';

/** Half of every piece is noise, half is zeros: zstd makes half of it. */
const half = (bytes: Uint8Array): void => void randomFillSync(bytes, 0, bytes.length / 2);

it('tells the saving from samples', async () => {
  const options = {
    books: books({ files: 100 * MiB }),
    inspection: disk('qcow2', { data: 100 * MiB, fill: half }),
  };
  const [found] = await suggestions(uncompressedImage, {}, [], options);
  expect(found!.reclaimable / MiB).toBeGreaterThan(48);
  expect(found!.reclaimable / MiB).toBeLessThan(51);
});

it('counts no byte that another suggestion takes', async () => {
  const options = {
    books: books({ files: 100 * MiB }),
    inspection: disk('qcow2', { data: 100 * MiB, fill: half }),
  };
  const inspection = guest({ '/var/log/syslog': 60 * MiB }, [], options);
  const found = await resolved([logs, uncompressedImage], inspection, options);
  const sizes = new Map(found.map(({ suggestion }) => [suggestion.rule, suggestion.reclaimable / MiB]));
  expect(sizes.get('logs')).toBe(60);
  expect(sizes.get('uncompressed-image')).toBeGreaterThan(19);
  expect(sizes.get('uncompressed-image')).toBeLessThan(21);
});

it('leaves compressed, incompressible and raw images alone', async () => {
  const noise = (bytes: Uint8Array): void => void randomFillSync(bytes);
  for (const inspection of [
    disk('qcow2', { data: 100 * MiB, fill: half, compressed: true }),
    disk('qcow2', { data: 100 * MiB, fill: noise }),
    disk('raw', { data: 100 * MiB, fill: half }),
  ]) {
    expect(
      await suggestions(uncompressedImage, {}, [], { books: books({ files: 100 * MiB }), inspection }),
    ).toEqual([]);
  }
});
