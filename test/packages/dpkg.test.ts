import { describe, expect, it } from 'vitest';
import { readParagraphs } from '../../src/core/deb822.ts';
import { readDiversions } from '../../src/packages/dpkg/diversions.ts';
import { dpkgPackages } from '../../src/packages/dpkg/dpkg.ts';
import { parseFlat, parseRelations } from '../../src/packages/dpkg/relations.ts';
import { packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';

type Files = Record<string, string | Uint8Array | { readonly link: string } | null>;

const INFO = '/var/lib/dpkg/info';
const stanza = (fields: Record<string, string>): string =>
  `${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')}\n\n`;
const installed = (name: string, more: Record<string, string> = {}): string =>
  stanza({ Package: name, Status: 'install ok installed', Architecture: 'amd64', Version: '1.0-1', ...more });

/** Packages of a tree, each with the paths that it owns. */
async function read(files: Files) {
  const root = memoryRoot(files);
  const { packages, codes } = await readPackages(dpkgPackages, root);
  const owned = Object.fromEntries(packages.map((one) => [one.name, entryPaths(root, one.entries)]));
  return { packages, codes, owned, one: (name: string) => packages.find((each) => each.name === name)! };
}

const SYSTEM: Files = {
  '/bin': { link: 'usr/bin' },
  '/lib': { link: 'usr/lib' },
  '/usr/bin/sh': 'dash',
  '/usr/bin/sh.distrib': 'the old shell',
  '/usr/lib/x86_64-linux-gnu/libc.so.6': 'libc',
  '/usr/lib/i386-linux-gnu/libc.so.6': 'libc',
  '/etc/login.defs': 'config',
  '/etc/shared': 'two owners',
  '/var/lib/dpkg/status':
    installed('dash', {
      'Installed-Size': '191',
      Essential: 'yes',
      Section: 'shells',
      Priority: 'required',
      'Pre-Depends': 'libc6 (>= 2.36)',
      Depends: 'debianutils (>= 5.6-0.1) | dpkg:any, base-files',
      Provides: 'sh-shell (= 1), posix-shell',
    }) +
    installed('libc6', { 'Multi-Arch': 'same', Source: 'glibc (2.36-9)', 'Installed-Size': '13001' }) +
    installed('libc6', { 'Multi-Arch': 'same', Architecture: 'i386' }) +
    stanza({
      Package: 'login',
      Status: 'deinstall ok config-files',
      Architecture: 'amd64',
      Version: '4.13',
      'Installed-Size': '2550',
    }) +
    stanza({
      Package: 'broken',
      Status: 'install reinstreq half-installed',
      Architecture: 'all',
      Version: '2',
    }) +
    stanza({ Package: 'ghost', Status: 'purge ok not-installed', Architecture: 'amd64' }) +
    stanza({
      Package: 'protected',
      Status: 'install ok unpacked',
      Architecture: 'amd64',
      Version: '3',
      Protected: 'yes',
    }),
  [`${INFO}/dash.list`]: '/.\n/bin\n/bin/sh\n/usr/share/man/man1/sh.1.gz\n',
  [`${INFO}/libc6:amd64.list`]:
    '/.\n/lib\n/lib/x86_64-linux-gnu\n/lib/x86_64-linux-gnu/libc.so.6\n/etc/shared\n',
  [`${INFO}/libc6:i386.list`]: '/.\n/lib\n/lib/i386-linux-gnu\n/lib/i386-linux-gnu/libc.so.6\n/etc/shared\n',
  [`${INFO}/login.list`]: '/etc\n/etc/login.defs\n',
  [`${INFO}/broken.list`]: '/bin/sh\n',
  [`${INFO}/protected.list`]: '/nothing/that/is/there\n',
  '/var/lib/dpkg/diversions': '/bin/sh\n/bin/sh.distrib\ndash\n/etc/x\n/etc/x.real\n:\n/cut/off\n',
  '/var/lib/apt/extended_states':
    'Package: libc6\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: broken\nArchitecture: amd64\nAuto-Installed: 1\n\n' +
    'Package: dash\nArchitecture: amd64\nAuto-Installed: 0\n',
};

packageDatabaseContract(dpkgPackages, () => [
  {
    name: 'a merged system',
    files: SYSTEM,
    database: Object.keys(SYSTEM).filter((path) => path.startsWith('/var/lib/')),
    mutations: 300,
  },
  {
    name: 'distroless',
    files: {
      '/usr/share/zoneinfo/UTC': 'TZif',
      '/var/lib/dpkg/status.d/tzdata': stanza({ Package: 'tzdata', Version: '2024a', Architecture: 'all' }),
      '/var/lib/dpkg/status.d/tzdata.md5sums': `${'0'.repeat(32)}  usr/share/zoneinfo/UTC\n`,
    },
    database: ['/var/lib/dpkg/status.d/tzdata', '/var/lib/dpkg/status.d/tzdata.md5sums'],
  },
]);

/** Far more than a busy machine needs, far less than work that grows with the square of its input. */
const HANG_MS = 20_000;

describe('dpkg', () => {
  it('finds files of a merged /usr, and diverted ones where they went', async () => {
    const { owned, codes } = await read(SYSTEM);
    expect(codes).toEqual([]);
    expect(owned.dash).toEqual(['/', '/bin', '/usr/bin/sh']);
    expect(owned.broken).toEqual(['/usr/bin/sh.distrib']);
    expect(owned.login).toEqual(['/etc', '/etc/login.defs']);
    expect(owned.protected).toEqual([]);
    const root = memoryRoot(SYSTEM);
    const { packages } = await readPackages(dpkgPackages, root);
    const libc = packages.filter(({ name }) => name === 'libc6');
    expect(libc.map(({ architecture, entries }) => [architecture, entryPaths(root, entries)])).toEqual([
      [
        'amd64',
        ['/', '/etc/shared', '/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu/libc.so.6'],
      ],
      ['i386', ['/', '/etc/shared', '/lib', '/usr/lib/i386-linux-gnu', '/usr/lib/i386-linux-gnu/libc.so.6']],
    ]);
  });

  it('reads fields, states and marks', async () => {
    const { packages, one } = await read(SYSTEM);
    expect(packages.map(({ name }) => name)).toEqual([
      'broken',
      'dash',
      'libc6',
      'libc6',
      'login',
      'protected',
    ]);
    expect(one('dash')).toMatchObject({
      version: '1.0-1',
      architecture: 'amd64',
      installedSize: 191 * 1024,
      automatic: false,
      state: null,
      essential: true,
      section: 'shells',
      priority: 'required',
      source: null,
      requires: [['libc6'], ['debianutils', 'dpkg'], ['base-files']],
      provides: ['sh-shell', 'posix-shell'],
    });
    expect(one('libc6')).toMatchObject({ automatic: true, source: 'glibc', installedSize: 13001 * 1024 });
    expect(one('login')).toMatchObject({ state: 'config-files', installedSize: null, automatic: false });
    // apt files `Architecture: all` under the native one.
    expect(one('broken')).toMatchObject({ state: 'half-installed', automatic: true, installedSize: null });
    expect(one('protected')).toMatchObject({ state: 'unpacked', essential: true });
  });

  it('knows nothing of reasons where apt keeps no marks', async () => {
    const { '/var/lib/apt/extended_states': _, ...without } = SYSTEM;
    expect((await read(without)).one('libc6').automatic).toBeNull();
    const empty = await read({ ...without, '/var/lib/apt/extended_states': '' });
    expect(empty.one('libc6').automatic).toBe(false);
  });

  it('reads unqualified lists of multi-arch packages, as dpkg before 1.16.2 wrote them', async () => {
    const { owned } = await read({
      '/x': 'x',
      '/var/lib/dpkg/status': installed('a', { 'Multi-Arch': 'same' }) + installed('b'),
      [`${INFO}/a.list`]: '/x\n',
      [`${INFO}/b:amd64.list`]: '/x',
    });
    expect(owned).toEqual({ a: ['/x'], b: ['/x'] });
  });

  it('reads what dpkg had not merged yet when the machine stopped', async () => {
    const { packages } = await read({
      '/var/lib/dpkg/status': installed('a') + installed('b') + installed('c'),
      '/var/lib/dpkg/updates/0001': installed('a', { Version: '2' }),
      '/var/lib/dpkg/updates/0002':
        stanza({ Package: 'b', Status: 'purge ok not-installed', Architecture: 'amd64' }) +
        stanza({ Package: 'a', Status: 'install ok half-configured', Architecture: 'amd64', Version: '3' }),
      '/var/lib/dpkg/updates/tmp.i': installed('d'),
    });
    expect(packages.map(({ name, version, state }) => [name, version, state])).toEqual([
      ['a', '3', 'half-configured'],
      ['c', '1.0-1', null],
    ]);
  });

  it('finds files by their checksums where lists were slimmed away, and says where there is neither', async () => {
    const sum = 'd41d8cd98f00b204e9800998ecf8427e';
    const { owned, codes } = await read({
      '/lib': { link: 'usr/lib' },
      '/usr/lib/a.so': 'a',
      '/top': 'top',
      '/var/lib/dpkg/status': installed('a') + installed('b'),
      [`${INFO}/a.md5sums`]: `${sum}  lib/a.so\n${sum}  top\n${sum}  gone\nshort\n${sum} *x\n\n`,
    });
    expect(owned).toEqual({ a: ['/top', '/usr/lib/a.so'], b: [] });
    expect(codes).toEqual(['IMGOPT_DPKG_LISTS_MISSING']);
  });

  it('is not led astray by what a list may hold', async () => {
    const { owned } = await read({
      '/etc/ok': 'ok',
      '/etc/loop': { link: 'loop' },
      '/var/lib/dpkg/status': installed('a'),
      [`${INFO}/a.list`]:
        '\n\nrelative/path\n/etc/ok\r\n/etc/../etc/ok\n/etc/loop/x\n//etc//ok\n/etc/ok/\n/etc/\n\0/etc/ok\n/\n/../..\n/etc/ok',
    });
    expect(owned.a!.filter((path) => path !== '/' && path !== '/etc')).toEqual(['/etc/ok']);
  });

  it.each([
    ['garbage', Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 2654435761) >>> 24)],
    ['one line of a megabyte', `Package: ${'x'.repeat(1 << 20)}`],
    [
      'a megabyte of continuation lines',
      `Package: a\nStatus: install ok installed\nDepends: b\n${' c,\n'.repeat(250_000)}`,
    ],
    ['a megabyte of commas', `Package: a\nDepends: ${','.repeat(1 << 20)}\n`],
    ['a megabyte of blanks in a dependency', `Package: a\nDepends: b${' '.repeat(1 << 20)}(\n`],
    ['empty lines', '\n'.repeat(1 << 20)],
    ['colons', ':'.repeat(1 << 20)],
  ])('takes %s in its stride: milliseconds, where squared it would be minutes', async (_, status) => {
    const started = performance.now();
    await read({ '/var/lib/dpkg/status': status, '/x': 'x' });
    expect(performance.now() - started).toBeLessThan(HANG_MS);
  });

  it('stops at more packages than there can be', async () => {
    const status = Array.from({ length: 250_001 }, (_, i) => `Package: p${i}\n\n`).join('');
    await expect(read({ '/var/lib/dpkg/status': status })).rejects.toMatchObject({
      code: 'IMGOPT_DPKG_PACKAGES',
    });
  });

  it('reads 4000 paragraphs of more than 4 MiB', () => {
    const description = ' A line of the long description, as long as such lines are wont to be.\n'.repeat(18);
    const status = Array.from({ length: 4000 }, (_, i) =>
      installed(`package-${i}`, { Depends: 'a, b (>= 1), c | d' }).replace(
        /\n\n$/,
        `\nDescription: x\n${description}\n`,
      ),
    ).join('');
    const bytes = new TextEncoder().encode(status);
    expect(bytes.length).toBeGreaterThan(4 << 20);
    let count = 0;
    readParagraphs(bytes, new Set(['package', 'status', 'depends']), () => count++);
    expect(count).toBe(4000);
  });
});

describe('deb822(5)', () => {
  it('joins continuation lines, ignores case, comments and what is no field', () => {
    const found: Record<string, string>[] = [];
    const text =
      'PACKAGE: a\r\n# comment\nDescription: short\n long\n\tlonger\nnonsense\n:empty\n\n \t\nPackage:b\nOther: x';
    readParagraphs(new TextEncoder().encode(text), new Set(['package', 'description']), (fields) =>
      found.push(Object.fromEntries(fields)),
    );
    expect(found).toEqual([{ package: 'a', description: 'short\nlong\nlonger' }, { package: 'b' }]);
  });
});

describe('relationships', () => {
  it('are read with versions, architectures and alternatives', () => {
    // deb-control(5), deb-src-control(5)
    expect(parseRelations('libc6 (>= 2.36), a:any | b (<< 1) , c [amd64] <!nocheck>, ,')).toEqual([
      [{ name: 'libc6', architecture: null, relation: '>=', version: '2.36' }],
      [
        { name: 'a', architecture: 'any', relation: null, version: null },
        { name: 'b', architecture: null, relation: '<', version: '1' },
      ],
      [{ name: 'c', architecture: null, relation: null, version: null }],
    ]);
    expect(parseFlat('x (= 1:2-3~rc), y')).toEqual([
      { name: 'x', architecture: null, relation: '=', version: '1:2-3~rc' },
      { name: 'y', architecture: null, relation: null, version: null },
    ]);
  });
});

it('diversions are three lines each', () => {
  const found = readDiversions(
    new TextEncoder().encode('/bin/sh\n/bin/sh.distrib\ndash\nrelative\nx\ny\n/a\n/b\n:\n/cut'),
  );
  expect([...found].map(([folder, names]) => [folder, [...names]])).toEqual([
    ['/bin', [['sh', { to: '/bin/sh.distrib', by: 'dash' }]]],
    ['/', [['a', { to: '/b', by: ':' }]]],
  ]);
});
