import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apkPackages } from '../../src/packages/apk/apk.ts';
import { packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { FIXTURES, fixtureBytes } from '../support/fixtures.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';

const DATABASE = '/lib/apk/db/installed';
const installed = () => fixtureBytes('apk/installed');
const world = () => readFileSync(join(FIXTURES, 'apk/world'));

/** What awk says of the database, a row per package. */
const expected = () =>
  readFileSync(join(FIXTURES, 'apk/expected.txt'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [name, version, size, source, folders, files, paths] = line.split('\t') as string[];
      return {
        fields: { name, version, installedSize: Number(size), source: source === '-' ? null : source },
        count: Number(folders) + Number(files),
        // The folder without a name is the root.
        paths: Number(folders) === 0 ? [] : paths!.split('|').map((path) => path || '/'),
      };
    });

const files = () =>
  Object.fromEntries(
    expected().flatMap(({ paths }) => paths.filter((path) => path !== '/').map((path) => [path, null])),
  );

packageDatabaseContract(apkPackages, () => [
  {
    name: 'written by hand',
    files: { ...files(), [DATABASE]: installed(), '/etc/apk/world': world() },
    database: [DATABASE, '/etc/apk/world'],
    mutations: 200,
  },
  {
    name: 'where apk 3 keeps it',
    files: { '/usr/lib/apk/db/installed': installed(), '/lib': { link: 'usr/lib' } },
    database: ['/usr/lib/apk/db/installed'],
  },
]);

describe('a database written by hand', () => {
  const root = memoryRoot({ ...files(), [DATABASE]: installed(), '/etc/apk/world': world() });
  const find = async (name: string) =>
    (await readPackages(apkPackages, root)).packages.find((one) => one.name === name)!;

  it('has the packages, sizes and files that its database lists', async () => {
    const { packages } = await readPackages(apkPackages, root);
    expect(
      packages.map(({ name, version, installedSize, source }) => ({ name, version, installedSize, source })),
    ).toEqual(expected().map(({ fields }) => fields));
    expect(packages.map((one) => entryPaths(root, one.entries))).toEqual(
      expected().map(({ paths }) => [...paths].sort()),
    );
    expect(packages.map((one) => one.entries.length)).toEqual(expected().map(({ count }) => count));
  });

  it('knows what was asked for, from world', async () => {
    const { packages } = await readPackages(apkPackages, root);
    // certificates-bundle>=2024, docs (which documentation provides), tls-client@edge; !telnet asks for nothing.
    expect(packages.filter((one) => one.automatic === false).map((one) => one.name)).toEqual([
      'base-folders',
      'certificates-bundle',
      'documentation',
      'package-manager',
      'tls-client',
    ]);
  });

  it('reads versions, virtual names, conflicts and install_if', async () => {
    const manager = await find('package-manager');
    // D:libsmall>=1.2.3_git20230717 certificates-bundle so:libcrypt.so.3 so:libtls.so.3 !package-manager-static
    expect(manager.dependencies!.requires[0]).toEqual([
      { name: 'libsmall', relation: '>=', version: '1.2.3_git20230717', architecture: null },
    ]);
    expect(manager.requires).toEqual([
      ['libsmall'],
      ['certificates-bundle'],
      ['so:libcrypt.so.3'],
      ['so:libtls.so.3'],
    ]);
    expect(manager.dependencies!.conflicts).toEqual([
      { name: 'package-manager-static', relation: null, version: null, architecture: null },
    ]);
    // p:so:libpm.so.2.14.0=2.14.0 cmd:pm=2.14.0-r2
    expect(manager.provides).toEqual(['so:libpm.so.2.14.0', 'cmd:pm']);
    // i:small-tools=2.10.0_rc1-r12 libtls3
    expect((await find('tls-client')).dependencies!.supplements).toEqual([
      [
        [{ name: 'small-tools', relation: '=', version: '2.10.0_rc1-r12', architecture: null }],
        [{ name: 'libtls3', relation: null, version: null, architecture: null }],
      ],
    ]);
    // D:small-tools-doc~2.10 package-manager>2.13 libsmall=1.2.3_git20240101-r0
    expect((await find('documentation')).dependencies!.requires).toMatchObject([
      [{ name: 'small-tools-doc', relation: '~', version: '2.10' }],
      [{ name: 'package-manager', relation: '>', version: '2.13' }],
      [{ name: 'libsmall', relation: '=', version: '1.2.3_git20240101-r0' }],
    ]);
  });

  it('says which package was not put in place', async () => {
    const { packages } = await readPackages(apkPackages, root);
    const states = packages.filter((one) => one.state !== null).map((one) => [one.name, one.state]);
    expect(states).toEqual([['half-installed', 'broken-files broken-script']]);
  });
});

describe('details', () => {
  const read = async (text: string, more: Record<string, string> = {}) =>
    await readPackages(apkPackages, memoryRoot({ [DATABASE]: text, ...more }));

  it('tells conflicts, fuzzy versions and repository tags from requirements', async () => {
    const { packages } = await read('P:a\nV:1\nD:!evil<2 b~3.1 c@edge d><Q1abc= e=1@edge\n\n');
    expect(packages[0]!.requires).toEqual([['b'], ['c'], ['d'], ['e']]);
    expect(packages[0]!.dependencies).toMatchObject({
      requires: [
        [{ name: 'b', relation: '~', version: '3.1' }],
        [{ name: 'c', relation: null }],
        [{ name: 'd', relation: null, version: null }],
        [{ name: 'e', relation: '=', version: '1' }],
      ],
      conflicts: [{ name: 'evil', relation: '<', version: '2' }],
    });
  });

  it('reads world with versions, tags, virtual names and what must be absent', async () => {
    const { packages } = await read(
      'P:a\nV:1\n\nP:b\nV:1\np:cmd:tool=1\n\nP:c\nV:1\n\nP:.deps\nV:20200101\n',
      {
        '/etc/apk/world': 'a>1@edge\ncmd:tool\n!c\n',
      },
    );
    expect(packages.map((one) => [one.name, one.automatic])).toEqual([
      ['.deps', true],
      ['a', false],
      ['b', false],
      ['c', true],
    ]);
  });

  it('says of a package what apk says of an interrupted installation', async () => {
    const { packages } = await read('P:a\nV:1\nf:fs\n');
    expect(packages[0]!.state).toBe('broken-files broken-script');
  });

  it('reports a paragraph that is no package and a line that is no field, and goes on', async () => {
    const { packages, codes } = await read('P:nameless version\n\nP:a\nV:1\nnonsense\nI:-5\n\n\n');
    expect(packages.map((one) => [one.name, one.installedSize])).toEqual([['a', null]]);
    expect(codes).toEqual(['IMGOPT_APK_LINE', 'IMGOPT_APK_PARAGRAPH']);
  });
});
