/** How package databases are asked: again when links were missing, and in the order of the registry. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownershipOf } from '../../src/analyzers/ownership.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Package, PackageDatabase, RootTree } from '../../src/core/contracts/package.ts';
import { MAX_DIAGNOSTICS_PER_CODE } from '../../src/core/limits.ts';
import { rawFormat } from '../../src/disk/formats/raw/raw.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { temporaryFolder } from '../support/temp.ts';
import { fakeDriver, fakeFilesystem, type Tree } from './fake-filesystem.ts';

const folder = temporaryFolder();
const ROOT = { '/etc/os-release': 'ID=test\n', '/etc/passwd': '', '/usr/bin/x': 'x' } as const;

async function run(tree: Tree, packageDatabases: readonly PackageDatabase[]) {
  const path = join(folder, 'disk.raw');
  writeFileSync(path, Buffer.from('FAKE a'.padEnd(65536, '\0')));
  const inspection = await inspect(path, new RunContext({ log: new DiagnosticLog() }), {
    drivers: {
      formats: [rawFormat],
      volumeSystems: [],
      filesystems: [fakeDriver({ a: fakeFilesystem(tree) })],
      packageDatabases,
    },
  });
  await inspection.close();
  return inspection;
}

function owning(manager: string, root: RootTree, paths: readonly string[]): Package {
  const entries = paths.map((path) => root.lookup(path, false)).filter((entry) => entry >= 0);
  return {
    manager,
    name: `${manager}-one`,
    version: '1',
    architecture: null,
    installedSize: null,
    automatic: null,
    state: null,
    essential: false,
    section: null,
    priority: null,
    source: null,
    requires: [],
    provides: [],
    entries: Uint32Array.from(entries).sort(),
  };
}

it('keeps the words of the last round only, when links that were missing made another one', async () => {
  let rounds = 0;
  const database: PackageDatabase = {
    manager: 'fake',
    markers: ['/usr/bin/x'],
    async read(root, context) {
      rounds++;
      const target = root.lookup('/srv/a/b/link/file');
      if (target < 0) context.report('error', 'FAKE_MISSING', `no file in round ${rounds}`);
      context.report('info', 'FAKE_NOTE', 'said in each round');
      for (let i = 0; i < MAX_DIAGNOSTICS_PER_CODE + 3; i++) {
        context.report('warning', 'FAKE_FLOOD', `flood ${i} of round ${rounds}`);
      }
      return [owning('fake', root, ['/srv/a/b/real/file'])];
    },
  };
  const found = await run({ ...ROOT, '/srv/a/b/link': { link: 'real' }, '/srv/a/b/real/file': 'x' }, [
    database,
  ]);
  expect(rounds).toBe(2);
  expect(found.packages).toHaveLength(1);
  expect(found.isComplete).toBe(true);
  const own = found.diagnostics.filter(({ code }) => code.startsWith('IMGOPT_FAKE'));
  const flood = own.filter(({ code }) => code === 'IMGOPT_FAKE_FLOOD');
  expect(own.filter(({ code }) => code !== 'IMGOPT_FAKE_FLOOD')).toEqual([
    {
      code: 'IMGOPT_FAKE_NOTE',
      severity: 'info',
      message: 'said in each round',
      where: `${found.artifact.path} > fake`,
    },
  ]);
  expect(flood).toHaveLength(MAX_DIAGNOSTICS_PER_CODE + 1);
  expect(flood.filter(({ message }) => message.endsWith('of round 2'))).toHaveLength(
    MAX_DIAGNOSTICS_PER_CODE,
  );
  expect(flood.map(({ message }) => message)).toContain('3 more of this kind are not listed');
});

it('gives a file that two databases claim to the one asked first, whatever their names', async () => {
  const claiming = (manager: string, paths: readonly string[]): PackageDatabase => ({
    manager,
    markers: ['/usr'],
    read: async (root) => [owning(manager, root, paths)],
  });
  const found = await run({ ...ROOT, '/usr/bin/y': 'y' }, [
    claiming('system', ['/usr/bin/x']),
    claiming('language', ['/usr/bin/x', '/usr/bin/y']),
  ]);
  // What reports count by, apart from the inspection's own column.
  const counted = ownershipOf(found);
  const at = (path: string) => found.root!.lookup(path);
  expect(counted.owner[at('/usr/bin/x')]).toBe(found.owner[at('/usr/bin/x')]);
  const owner = (path: string) => found.packages[found.owner[at(path)]!]?.manager;
  expect(found.packages.map(({ manager }) => manager)).toEqual(['system', 'language']);
  expect([owner('/usr/bin/x'), owner('/usr/bin/y')]).toEqual(['system', 'language']);
});

it('asks the packages of languages after those of every system, plugins included', () => {
  const registry = createRegistry([
    {
      owner: 'plugin',
      contribution: {
        apiVersion: 1,
        packageDatabases: [{ manager: 'portage', markers: ['/var/db/pkg'], read: async () => [] }],
      },
    },
  ]);
  expect(registry.packageDatabases.map(({ manager }) => manager)).toEqual([
    'dpkg',
    'rpm',
    'apk',
    'pacman',
    'snap',
    'flatpak',
    'portage',
    'python',
    'npm',
    'gem',
  ]);
});
