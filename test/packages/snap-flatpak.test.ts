import { describe, expect, it } from 'vitest';
import { flatpakPackages } from '../../src/packages/flatpak/flatpak.ts';
import { snapPackages } from '../../src/packages/snap/snap.ts';
import { packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';

// As snapd writes it: overlord/snapstate/snapmgr.go, SnapState.
const STATE = JSON.stringify({
  data: {
    auth: { 'last-id': 1 },
    snaps: {
      core20: {
        type: 'base',
        sequence: [{ name: 'core20', 'snap-id': 'DLqre5XGLbDqg9jPtiAhRRjDuPVa5X1q', revision: '1974' }],
        active: true,
        current: '1974',
        channel: 'latest/stable',
      },
      lxd: {
        type: 'app',
        sequence: [
          { name: 'lxd', 'snap-id': 'J60k4JY0HppjwOjW8dZdYc8obXKxujRu', revision: '24061' },
          { snap: { name: 'lxd', 'snap-id': 'J60k4JY0HppjwOjW8dZdYc8obXKxujRu', revision: '24322' } },
        ],
        active: true,
        current: '24322',
      },
      mine: { type: 'app', sequence: [{ name: 'mine', revision: 'x1' }], current: 'x1' },
    },
  },
});
const SNAPS = {
  '/var/lib/snapd/state.json': STATE,
  '/var/lib/snapd/snaps/core20_1974.snap': 'x',
  '/var/lib/snapd/snaps/lxd_24061.snap': 'x',
  '/var/lib/snapd/snaps/lxd_24322.snap': 'x',
  '/var/lib/snapd/snaps/mine_x1.snap': 'x',
  '/var/lib/snapd/snaps/gone_7.snap': 'x',
  '/var/lib/snapd/snaps/partial': null,
  '/var/lib/snapd/seed/snaps/core20_1974.snap': 'x',
  '/var/lib/snapd/seed/snaps/snapd_16292.snap': 'x',
  '/snap/lxd/24061': null,
  '/snap/lxd/24322': null,
  '/snap/lxd/current': { link: '24322' },
  '/var/snap/lxd/24061/config': 'x',
};

packageDatabaseContract(snapPackages, () => [
  { name: 'snaps', files: SNAPS, database: ['/var/lib/snapd/state.json'] },
]);

describe('snaps', () => {
  it('are a package per revision; what is not current is disabled, what is not known is said', async () => {
    const { packages } = await readPackages(snapPackages, memoryRoot(SNAPS));
    expect(packages.map((one) => [one.name, one.version, one.state, one.section, one.essential])).toEqual([
      ['core20', '1974', null, 'base', true],
      ['gone', '7', 'unknown', null, false],
      ['lxd', '24061', 'disabled', 'app', false],
      ['lxd', '24322', null, 'app', false],
      ['mine', 'x1', 'disabled', 'app', false],
      ['snapd', '16292', 'seed', null, false],
    ]);
  });

  it('own their file, also of the seed, their mount point and the data of the revision', async () => {
    const root = memoryRoot(SNAPS);
    const { packages } = await readPackages(snapPackages, root);
    const files = (name: string, version: string) =>
      entryPaths(root, packages.find((one) => one.name === name && one.version === version)!.entries);
    expect(files('core20', '1974')).toEqual([
      '/var/lib/snapd/seed/snaps/core20_1974.snap',
      '/var/lib/snapd/snaps/core20_1974.snap',
    ]);
    expect(files('lxd', '24061')).toEqual([
      '/snap/lxd/24061',
      '/var/lib/snapd/snaps/lxd_24061.snap',
      '/var/snap/lxd/24061',
      '/var/snap/lxd/24061/config',
    ]);
  });

  it('are reported when the state cannot be read, and found by their files', async () => {
    const { packages, codes } = await readPackages(
      snapPackages,
      memoryRoot({ ...SNAPS, '/var/lib/snapd/state.json': '{"data":' }),
    );
    expect(codes).toEqual(['IMGOPT_SNAP_STATE']);
    expect(packages).toHaveLength(6);
  });
});

const HOME = '/var/lib/flatpak';
const APP = 'org.example.App';
const PLATFORM = 'org.example.Platform';
const [NEW, OLD, RUN] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];
const DEPLOYMENTS = {
  [`${HOME}/app/${APP}/current`]: { link: 'x86_64/stable' },
  [`${HOME}/app/${APP}/x86_64/stable/active`]: { link: NEW },
  [`${HOME}/app/${APP}/x86_64/stable/${NEW}/metadata`]: `[Application]\nname=${APP}\nruntime=${PLATFORM}/x86_64/23.08\n`,
  [`${HOME}/app/${APP}/x86_64/stable/${NEW}/files/bin/app`]: 'x',
  [`${HOME}/app/${APP}/x86_64/stable/${NEW}/files/link`]: { link: 'bin' },
  [`${HOME}/app/${APP}/x86_64/stable/${OLD}/files/bin/app`]: 'x',
  [`${HOME}/runtime/${PLATFORM}/x86_64/23.08/active`]: { link: RUN },
  [`${HOME}/runtime/${PLATFORM}/x86_64/23.08/${RUN}/metadata`]: `[Runtime]\nruntime=${PLATFORM}/x86_64/23.08\n`,
  [`${HOME}/runtime/${PLATFORM}/x86_64/23.08/${RUN}/files/lib`]: 'x',
};

packageDatabaseContract(flatpakPackages, () => [
  {
    name: 'deployments',
    files: DEPLOYMENTS,
    database: [`${HOME}/app/${APP}/x86_64/stable/${NEW}/metadata`],
  },
]);

describe('flatpak', () => {
  it('has a package per deployment, with the runtime it needs', async () => {
    const root = memoryRoot(DEPLOYMENTS);
    const { packages } = await readPackages(flatpakPackages, root);
    const runtime = { name: PLATFORM, relation: '=', version: '23.08', architecture: 'x86_64' };
    expect(
      packages.map((one) => [one.name, one.version, one.state, one.automatic, one.dependencies!.requires]),
    ).toEqual([
      [APP, `stable@${NEW.slice(0, 12)}`, null, false, [[runtime]]],
      [APP, `stable@${OLD.slice(0, 12)}`, 'inactive', false, []],
      [PLATFORM, `23.08@${RUN.slice(0, 12)}`, null, true, []],
    ]);
    const home = `${HOME}/app/${APP}/x86_64/stable/${NEW}`;
    expect(entryPaths(root, packages[0]!.entries)).toEqual([
      home,
      `${home}/files`,
      `${home}/files/bin`,
      `${home}/files/bin/app`,
      `${home}/files/link`,
      `${home}/metadata`,
    ]);
  });
});
