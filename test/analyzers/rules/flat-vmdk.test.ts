import { expect, it } from 'vitest';
import { flatVmdk } from '../../../src/analyzers/rules/flat-vmdk.ts';
import { disk } from './disk.ts';
import { suggestions } from './support.ts';

it('finds a VMDK that is made to run', async () => {
  const inspection = disk('vmdk', { details: { createType: 'monolithicSparse' } });
  const [found] = await suggestions(flatVmdk, {}, [], { inspection });
  expect(found!.reason).toContain('monolithicSparse');
});

it('leaves streamOptimized and other formats alone', async () => {
  for (const inspection of [disk('vmdk', { details: { createType: 'streamOptimized' } }), disk('raw', {})]) {
    expect(await suggestions(flatVmdk, {}, [], { inspection })).toEqual([]);
  }
});
