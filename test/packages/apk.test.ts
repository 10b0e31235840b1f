import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apkPackages } from '../../src/packages/apk/apk.ts';
import { packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { FIXTURES, fixtureBytes } from '../support/fixtures.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';

const DATABASE = '/lib/apk/db/installed';
const real = () => fixtureBytes('apk/installed');
const world = () => readFileSync(join(FIXTURES, 'apk/world'));

/** Every folder and file that the database names, found by a few lines of their own. */
function filesOf(text: string): Record<string, null> {
  let folder = '';
  const files: Record<string, null> = {};
  for (const line of text.split('\n')) {
    if (line.startsWith('F:')) folder = `/${line.slice(2)}`;
    if (line.startsWith('F:') && line.length > 2) files[folder] = null;
    if (line.startsWith('R:')) files[`${folder}/${line.slice(2)}`] = null;
  }
  return files;
}

packageDatabaseContract(apkPackages, () => [
  {
    name: 'Alpine 3.16',
    files: { ...filesOf(real().toString()), [DATABASE]: real(), '/etc/apk/world': world() },
    database: [DATABASE, '/etc/apk/world'],
    mutations: 200,
  },
  {
    name: 'where apk 3 keeps it',
    files: { '/usr/lib/apk/db/installed': real(), '/lib': { link: 'usr/lib' } },
    database: ['/usr/lib/apk/db/installed'],
  },
]);

describe('Alpine 3.16', () => {
  const root = memoryRoot({ ...filesOf(real().toString()), [DATABASE]: real(), '/etc/apk/world': world() });

  it('has the packages, sizes and files that its database lists', async () => {
    const { packages } = await readPackages(apkPackages, root);
    const lines = packages.map((one) => ({
      line: `${one.name} ${one.version} ${one.installedSize} ${one.source}`,
      all: entryPaths(root, one.entries).length,
    }));
    const expected = readFileSync(join(FIXTURES, 'apk/expected.txt'), 'utf8').trim().split('\n');
    expect(lines.map(({ line }) => line)).toEqual(
      expected.map((line) => line.split(' ').slice(0, 4).join(' ')),
    );
    expect(lines.map(({ all }) => all)).toEqual(
      expected.map((line) => {
        const [folders, files] = line.split(' ').slice(4).map(Number);
        return folders! + files!;
      }),
    );
  });

  it('knows what was asked for, from world', async () => {
    const { packages } = await readPackages(apkPackages, root);
    const asked = world().toString().trim().split('\n');
    expect(packages.filter((one) => one.automatic === false).map((one) => one.name)).toEqual(asked.sort());
  });

  it('reads versions, virtual names and install_if', async () => {
    const { packages } = await readPackages(apkPackages, root);
    const tools = packages.find((one) => one.name === 'apk-tools')!;
    // D:musl>=1.2 ca-certificates-bundle so:libc.musl-armv7.so.1 …, p:so:libapk.so.3.12.0=3.12.0 cmd:apk=2.12.9-r3
    expect(tools.dependencies!.requires[0]).toEqual([
      { name: 'musl', relation: '>=', version: '1.2', architecture: null },
    ]);
    expect(tools.requires.slice(0, 2)).toEqual([['musl'], ['ca-certificates-bundle']]);
    expect(tools.provides).toEqual(['so:libapk.so.3.12.0', 'cmd:apk']);
    // i:busybox=1.35.0-r13 libssl1.1
    const client = packages.find((one) => one.name === 'ssl_client')!;
    expect(client.dependencies!.supplements).toEqual([
      [
        [{ name: 'busybox', relation: '=', version: '1.35.0-r13', architecture: null }],
        [{ name: 'libssl1.1', relation: null, version: null, architecture: null }],
      ],
    ]);
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
