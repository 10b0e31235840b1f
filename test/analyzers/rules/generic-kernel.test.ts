import { expect, it } from 'vitest';
import { genericKernel } from '../../../src/analyzers/rules/generic-kernel.ts';
import { blocks, type GuestPackage, suggestions } from './support.ts';

const kernel = (version: string): Record<string, number> => ({
  [`/boot/vmlinuz-${version}`]: 8_000_000,
  [`/usr/lib/modules/${version}/kernel/a.ko`]: 300_000_000,
});
const owner = (version: string): GuestPackage => ({
  name: `linux-image-${version}`,
  automatic: true,
  paths: [
    `/boot/vmlinuz-${version}`,
    `/usr/lib/modules/${version}`,
    `/usr/lib/modules/${version}/kernel`,
    `/usr/lib/modules/${version}/kernel/a.ko`,
  ],
});
const generic = '6.1.0-18-amd64';
const cloud = '6.1.0-18-cloud-amd64';
const guestAgent = { name: 'cloud-init' };

it('tells what the generic kernel of a virtual machine occupies', async () => {
  const [found, ...more] = await suggestions(genericKernel, kernel(generic), [
    owner(generic),
    { name: 'linux-image-amd64', requires: [`linux-image-${generic}`] },
    guestAgent,
  ]);
  expect(more).toEqual([]);
  expect(found).toMatchObject({ reclaimable: 0, safety: 'risky', packages: [], commands: [] });
  expect(found!.reason).toMatch(/294 MiB.*linux-image-cloud-amd64/);
});

it('removes it where the cloud kernel is the one that starts', async () => {
  const grub = `menuentry 'Debian' {\n\tlinux /boot/vmlinuz-${cloud} root=x\n}\nmenuentry 'Generic' {\n\tlinux /boot/vmlinuz-${generic} root=x\n}\n`;
  const [found, ...more] = await suggestions(
    genericKernel,
    { ...kernel(generic), ...kernel(cloud), '/boot/grub/grub.cfg': grub },
    [
      owner(generic),
      owner(cloud),
      { name: 'linux-image-amd64', requires: [`linux-image-${generic}`] },
      { name: 'linux-image-cloud-amd64', requires: [`linux-image-${cloud}`] },
    ],
  );
  expect(more).toEqual([]);
  expect(found).toMatchObject({
    safety: 'review',
    packages: [`linux-image-${generic}`, 'linux-image-amd64'],
  });
  expect(found!.reclaimable).toBe(blocks(8_000_000, 300_000_000) + 2 * 4096);
});

it('says nothing of hardware, nor of a cloud kernel alone', async () => {
  expect(await suggestions(genericKernel, kernel(generic), [owner(generic)])).toEqual([]);
  expect(await suggestions(genericKernel, kernel(cloud), [owner(cloud), guestAgent])).toEqual([]);
});
