import { expect, it } from 'vitest';
import { dkmsBuild } from '../../../src/analyzers/rules/dkms-build.ts';
import { blocks, suggestions } from './support.ts';

it('finds build trees, not sources or modules', async () => {
  const [found, ...more] = await suggestions(dkmsBuild, {
    '/var/lib/dkms/vboxguest/7.0.6/build/a.o': 400000,
    '/var/lib/dkms/vboxguest/7.0.6/6.1.0-13-amd64/x86_64/module/vboxguest.ko': 500000,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(400000) + 1 * 4096);
});

it('leaves built modules alone', async () => {
  expect(
    await suggestions(dkmsBuild, {
      '/var/lib/dkms/vboxguest/7.0.6/6.1.0-13-amd64/x86_64/module/vboxguest.ko': 500000,
      '/var/lib/dkms/vboxguest/7.0.6/source': { link: '/usr/src/vboxguest-7.0.6' },
    }),
  ).toEqual([]);
});
