import { expect, it } from 'vitest';
import { flatpakRuntimes } from '../../../src/analyzers/rules/flatpak-runtimes.ts';
import { blocks, suggestions } from './support.ts';

const commit = (digit: string): string => digit.repeat(64);
const path = (kind: string, name: string, branch: string, digit: string): string =>
  `/var/lib/flatpak/${kind}/${name}/x86_64/${branch}/${commit(digit)}`;

const used = path('runtime', 'org.gnome.Platform', '45', '1');
const locale = path('runtime', 'org.gnome.Platform.Locale', '45', '2');
const old = path('runtime', 'org.gnome.Platform', '44', '3');
const sdk = path('runtime', 'org.gnome.Sdk', '45', '4');
const app = path('app', 'org.example.App', 'stable', '5');
const replaced = path('app', 'org.example.App', 'stable', '6');

const tree = {
  [`${app}/files/app`]: 1_000_000,
  [`${used}/files/lib`]: 2_000_000,
  [`${locale}/files/de`]: 300_000,
  [`${old}/files/lib`]: { size: 5_000_000, inode: 50 },
  '/var/lib/flatpak/repo/objects/ab/cd.file': { size: 5_000_000, inode: 50 },
  [`${sdk}/files/gcc`]: 9_000_000,
  [`${replaced}/files/app`]: 900_000,
};
const packages = [
  {
    manager: 'flatpak',
    name: 'org.example.App',
    version: 'stable@555',
    section: 'app',
    requires: ['org.gnome.Platform (= 45)'],
    paths: [`${app}/files/app`],
  },
  {
    manager: 'flatpak',
    name: 'org.example.App',
    version: 'stable@666',
    section: 'app',
    state: 'inactive',
    requires: ['org.gnome.Platform (= 45)'],
    paths: [`${replaced}/files/app`],
  },
  {
    manager: 'flatpak',
    name: 'org.gnome.Platform',
    version: '45@111',
    section: 'runtime',
    architecture: 'x86_64',
    paths: [`${used}/files/lib`],
  },
  {
    manager: 'flatpak',
    name: 'org.gnome.Platform.Locale',
    version: '45@222',
    section: 'runtime',
    architecture: 'x86_64',
    requires: ['org.gnome.Platform (= 45)'],
    paths: [`${locale}/files/de`],
  },
  {
    manager: 'flatpak',
    name: 'org.gnome.Platform',
    version: '44@333',
    section: 'runtime',
    architecture: 'x86_64',
    paths: [`${old}/files/lib`],
  },
  {
    manager: 'flatpak',
    name: 'org.gnome.Sdk',
    version: '45@444',
    section: 'runtime',
    architecture: 'x86_64',
    paths: [`${sdk}/files/gcc`],
  },
];

it('finds runtimes of no application, with their objects, and replaced deployments', async () => {
  const [found, ...more] = await suggestions(flatpakRuntimes, tree, packages);
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(5_000_000, 9_000_000, 900_000));
  expect(found!.reason).toMatch(/^org.example.App\/stable, org.gnome.Platform\/44, org.gnome.Sdk\/45: /);
});

it('keeps what is pinned, and what is used', async () => {
  const pinned = {
    ...tree,
    '/var/lib/flatpak/repo/config':
      '[core]\nrepo_version=1\nmode=bare-user-only\nxa.pinned=runtime/org.gnome.Sdk/x86_64/45;runtime/org.gnome.Platform/*/44;\n',
  };
  expect(
    await suggestions(
      flatpakRuntimes,
      pinned,
      packages.filter(({ state }) => state === undefined),
    ),
  ).toEqual([]);
});
