import { expect, it } from 'vitest';
import { microcode } from '../../../src/analyzers/rules/microcode.ts';
import { blocks, suggestions } from './support.ts';

it('finds it in an image for virtual machines', async () => {
  const [found, ...more] = await suggestions(
    microcode,
    {
      '/lib/firmware/intel-ucode/06-01': 9000000,
      '/usr/bin/x': 1,
    },
    [
      { name: 'intel-microcode', paths: ['/lib/firmware/intel-ucode', '/lib/firmware/intel-ucode/06-01'] },
      { name: 'qemu-guest-agent', paths: ['/usr/bin/x'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(9000000) + 1 * 4096);
});

it('keeps it on hardware', async () => {
  expect(
    await suggestions(
      microcode,
      {
        '/lib/firmware/intel-ucode/06-01': 9000000,
        '/usr/bin/x': 1,
      },
      [{ name: 'intel-microcode', paths: ['/lib/firmware/intel-ucode', '/lib/firmware/intel-ucode/06-01'] }],
    ),
  ).toEqual([]);
});
