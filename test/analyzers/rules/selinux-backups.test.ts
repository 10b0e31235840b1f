import { expect, it } from 'vitest';
import { selinuxBackups } from '../../../src/analyzers/rules/selinux-backups.ts';
import { blocks, suggestions } from './support.ts';

it('finds the previous generation', async () => {
  const [found, ...more] = await suggestions(selinuxBackups, {
    '/var/lib/selinux/targeted/previous/modules/100/x/cil': 900000,
    '/var/lib/selinux/targeted/active/modules/100/x/cil': 900000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(900000) + 4 * 4096);
});

it('leaves the active store alone', async () => {
  expect(
    await suggestions(selinuxBackups, {
      '/var/lib/selinux/targeted/active/modules/100/x/cil': 900000,
    }),
  ).toEqual([]);
});
