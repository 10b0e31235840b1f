import { expect, it } from 'vitest';
import { virtualboxSources } from '../../../src/analyzers/rules/virtualbox-sources.ts';
import { blocks, suggestions } from './support.ts';

it('finds what the installer unpacked', async () => {
  const [found, ...more] = await suggestions(virtualboxSources, {
    '/opt/VBoxGuestAdditions-7.0.6/src/vboxguest-7.0.6/x.c': 900000,
    '/opt/VBoxGuestAdditions-7.0.6/sbin/VBoxService': 2000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(900000) + 2 * 4096);
});

it('leaves the additions themselves alone', async () => {
  expect(
    await suggestions(virtualboxSources, {
      '/opt/VBoxGuestAdditions-7.0.6/sbin/VBoxService': 2000000,
    }),
  ).toEqual([]);
});
