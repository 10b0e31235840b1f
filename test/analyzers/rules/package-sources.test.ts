import { expect, it } from 'vitest';
import { packageSources } from '../../../src/analyzers/rules/package-sources.ts';
import { hygiene } from './support.ts';

it('tells unverified, discs and plain http apart', async () => {
  const found = await hygiene(packageSources, {
    '/etc/apt/sources.list':
      'deb cdrom:[Debian]/ bookworm main\ndeb http://deb.debian.org/debian bookworm main\n',
    '/etc/apt/sources.list.d/x.list': 'deb [trusted=yes] https://x.example/ ./\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['warning', '/etc/apt/sources.list.d/x.list'],
    ['warning', '/etc/apt/sources.list'],
    ['info', '/etc/apt/sources.list'],
  ]);
});

it('leaves https and comments alone', async () => {
  expect(
    await hygiene(packageSources, {
      '/etc/apt/sources.list':
        '# deb cdrom:[x]/ y\n#deb http://x y z\ndeb https://deb.debian.org/debian bookworm main\n',
      '/etc/yum.repos.d/x.repo': '[x]\nmetalink=http://x\ngpgcheck=1\n',
    }),
  ).toEqual([]);
});
