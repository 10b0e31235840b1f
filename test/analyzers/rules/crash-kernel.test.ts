import { expect, it } from 'vitest';
import { crashKernel } from '../../../src/analyzers/rules/crash-kernel.ts';
import { blocks, suggestions } from './support.ts';

it('finds kdump', async () => {
  const [found, ...more] = await suggestions(
    crashKernel,
    {
      '/usr/sbin/kdump-config': 30000,
    },
    [{ name: 'kdump-tools', paths: ['/usr/sbin/kdump-config'] }],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(30000));
});

it('says nothing without it', async () => {
  expect(
    await suggestions(
      crashKernel,
      {
        '/usr/sbin/kdump-config': 30000,
      },
      [{ name: 'bash', paths: [] }],
    ),
  ).toEqual([]);
});
