import { expect, it } from 'vitest';
import { coreDumps } from '../../../src/analyzers/rules/core-dumps.ts';
import { blocks, suggestions } from './support.ts';

it('finds dumps of systemd, apport and kdump', async () => {
  const [found, ...more] = await suggestions(coreDumps, {
    '/var/lib/systemd/coredump/core.x.0.zst': 5000000,
    '/var/crash/_usr_bin_x.0.crash': 900000,
    '/var/crash/202301010101/vmcore': 70000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5000000, 900000, 70000000) + 1 * 4096);
});

it('leaves settings alone', async () => {
  expect(
    await suggestions(coreDumps, {
      '/etc/systemd/coredump.conf': 500,
      '/var/crash': null,
    }),
  ).toEqual([]);
});
