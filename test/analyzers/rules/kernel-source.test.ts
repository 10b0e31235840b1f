import { expect, it } from 'vitest';
import { kernelSource } from '../../../src/analyzers/rules/kernel-source.ts';
import { blocks, suggestions } from './support.ts';

it('finds the archive', async () => {
  const [found, ...more] = await suggestions(
    kernelSource,
    {
      '/usr/src/linux-source-6.1.tar.xz': 133000000,
    },
    [{ name: 'linux-source-6.1', paths: ['/usr/src/linux-source-6.1.tar.xz'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(133000000));
});

it('leaves the kernel alone', async () => {
  expect(
    await suggestions(
      kernelSource,
      {
        '/boot/vmlinuz-6.1.0-13-amd64': 8000000,
      },
      [{ name: 'linux-image-6.1.0-13-amd64', paths: ['/boot/vmlinuz-6.1.0-13-amd64'] }],
    ),
  ).toEqual([]);
});
