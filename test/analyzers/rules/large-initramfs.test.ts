import { expect, it } from 'vitest';
import { largeInitramfs } from '../../../src/analyzers/rules/large-initramfs.ts';
import { suggestions } from './support.ts';

const debian = {
  '/boot/vmlinuz-6.1.0-18-amd64': 8_000_000,
  '/boot/initrd.img-6.1.0-18-amd64': 80_000_000,
  '/etc/initramfs-tools/initramfs.conf': 'MODULES=most\nBUSYBOX=auto\n',
};

it('tells of an initramfs with all drivers, and frees nothing by that', async () => {
  const [found, ...more] = await suggestions(largeInitramfs, debian);
  expect(more).toEqual([]);
  expect(found).toMatchObject({
    reclaimable: 0,
    safety: 'risky',
    paths: ['/boot/initrd.img-6.1.0-18-amd64'],
    commands: [],
  });
  expect(found!.reason).toMatch(/76\.3 MiB: MODULES=dep/);
});

it('knows dracut, where the last word counts', async () => {
  const fedora = {
    '/boot/vmlinuz-6.8.5-301.fc40.x86_64': 8_000_000,
    '/boot/initramfs-6.8.5-301.fc40.x86_64.img': 90_000_000,
    '/usr/lib/dracut/dracut.conf.d/01-dist.conf': 'hostonly="yes"\n',
  };
  expect(await suggestions(largeInitramfs, fedora)).toEqual([]);
  const generic = { ...fedora, '/etc/dracut.conf.d/cloud.conf': '# any machine\nhostonly="no"\n' };
  const [found] = await suggestions(largeInitramfs, generic);
  expect(found!.reason).toContain('hostonly="yes"');
});

it('leaves small ones alone, and those that hold one platform', async () => {
  expect(
    await suggestions(largeInitramfs, { ...debian, '/boot/initrd.img-6.1.0-18-amd64': 34_000_000 }),
  ).toEqual([]);
  const dep = { ...debian, '/etc/initramfs-tools/conf.d/driver-policy': '# debian-installer\nMODULES=dep\n' };
  expect(await suggestions(largeInitramfs, dep)).toEqual([]);
});
