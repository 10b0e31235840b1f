import { expect, it } from 'vitest';
import { guestIsos } from '../../../src/analyzers/rules/guest-isos.ts';
import { blocks, suggestions } from './support.ts';

it('finds what Packer uploaded', async () => {
  const [found, ...more] = await suggestions(guestIsos, {
    '/root/VBoxGuestAdditions_7.0.6.iso': 53000000,
    '/home/vagrant/linux.iso': 55000000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(53000000, 55000000));
});

it('leaves other discs alone', async () => {
  expect(
    await suggestions(guestIsos, {
      '/srv/iso/debian-12.iso': 600000000,
      '/root/linux.txt': 5,
    }),
  ).toEqual([]);
});
