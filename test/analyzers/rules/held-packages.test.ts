import { expect, it } from 'vitest';
import { heldPackages } from '../../../src/analyzers/rules/held-packages.ts';
import { hygiene } from './support.ts';

const paragraph = (name: string, want: string): string =>
  `Package: ${name}\nStatus: ${want} ok installed\nVersion: 1\nDescription: x\n Status: hold ok installed\n\n`;

it('finds dpkg’s holds and the locks of others', async () => {
  const found = await hygiene(heldPackages, {
    '/var/lib/dpkg/status':
      paragraph('bash', 'install') + paragraph('linux-image-amd64', 'hold') + paragraph('docker-ce', 'hold'),
    '/etc/zypp/locks': '\n# kept\ntype: package\nsolvable_name: kernel-default\n',
    '/etc/pacman.conf': '[options]\n#IgnorePkg = x\nIgnorePkg   = linux nvidia\n',
  });
  expect(found.map(({ reason }) => reason)).toEqual([
    'docker-ce, linux-image-amd64: apt upgrade passes over them',
    '2 lines of locks: updates pass over what they name',
    'linux nvidia: pacman -Syu passes over them',
  ]);
});

it('says nothing where nothing is held', async () => {
  expect(
    await hygiene(heldPackages, {
      '/var/lib/dpkg/status': paragraph('bash', 'install'),
      '/etc/pacman.conf': '[options]\n#IgnorePkg   =\n',
      '/etc/dnf/plugins/versionlock.list': '# none\n',
    }),
  ).toEqual([]);
});
