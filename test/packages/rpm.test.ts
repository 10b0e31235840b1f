import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Dependency } from '../../src/core/contracts/package.ts';
import { parseRich, resolveRich } from '../../src/packages/rpm/dependencies.ts';
import { adler32 } from '../../src/packages/rpm/ndb.ts';
import { parseDnf5Groups, parseDnf5Packages } from '../../src/packages/rpm/reasons.ts';
import { rpmPackages } from '../../src/packages/rpm/rpm.ts';
import { packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { fixtureBytes, fixtureExpected } from '../support/fixtures.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';
import { int32, ndbFile, rpmHeader, type TagValue } from '../support/rpm-header.ts';
import {
  alternativeWords,
  dependencyWords,
  madeDatabase,
  madeHeaders,
  madePackages,
  madeTree,
  RPM_LISTS,
  type RpmPackage,
  resolvedLines,
} from '../support/rpm-made.ts';

interface El8 {
  name: string;
  version: string;
  architecture: string;
  size: number;
  installTime: number;
  sourceRpm: string;
  group: string;
  files: string[];
  requires: string[];
  provides: string[];
  conflicts: string[];
}
/** SQLite's own file of these statements; with `log` what the write-ahead log holds when nobody has closed it. */
function sqliteFile(fill: (database: DatabaseSync) => void, journal = 'delete') {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-test-'));
  try {
    const database = new DatabaseSync(join(folder, 'db'));
    database.exec(`PRAGMA journal_mode = ${journal}; PRAGMA wal_autocheckpoint = 0`);
    fill(database);
    const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
    database.close();
    return { bytes: files.get('db')!, wal: files.get('db-wal') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CREATE = "CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)";

function rpmSqlite(headers: readonly Uint8Array[]) {
  return sqliteFile((database) => {
    database.exec(CREATE);
    const insert = database.prepare('INSERT INTO Packages (blob) VALUES (?)');
    for (const header of headers) insert.run(header);
  }).bytes;
}

const ALPHA: [number, TagValue][] = [
  [1000, 'alpha'],
  [1001, '1.0'],
  [1002, '3'],
];
const paths = (dependencies: readonly Dependency[]) =>
  dependencies.map(({ name, relation, version }) =>
    relation === null ? name : `${name} ${relation} ${version}`,
  );
const guest = (bytes: Uint8Array, more: Record<string, string | Uint8Array | null> = {}) =>
  memoryRoot({ '/var/lib/rpm/rpmdb.sqlite': bytes, ...more });

const el8 = () => fixtureExpected<El8>('rpm/el8');

packageDatabaseContract(rpmPackages, () => [
  {
    name: 'Berkeley DB of RHEL 8',
    files: {
      '/var/lib/rpm/Packages': fixtureBytes('rpm/el8/Packages'),
      ...Object.fromEntries(el8().files.map((path) => [path, null])),
    },
    database: ['/var/lib/rpm/Packages'],
    mutations: 120,
  },
  {
    name: 'NDB made by hand',
    files: {
      ...madeTree(),
      '/usr/lib/sysimage/rpm/Packages.db': ndbFile(madeHeaders()),
      '/var/lib/rpm': { link: '../../usr/lib/sysimage/rpm' },
    },
    database: ['/usr/lib/sysimage/rpm/Packages.db'],
  },
  {
    name: "rpm's own SQLite",
    files: { ...madeTree(), '/usr/lib/sysimage/rpm/rpmdb.sqlite': madeDatabase() },
    database: ['/usr/lib/sysimage/rpm/rpmdb.sqlite'],
  },
  {
    name: 'SQLite',
    files: {
      '/usr/share/rpm/rpmdb.sqlite': rpmSqlite([
        rpmHeader([...ALPHA, [1116, int32(0)], [1117, ['alpha.conf']], [1118, ['/etc/']]]),
        rpmHeader([
          ...ALPHA.slice(0, 2),
          [1002, '4'],
          [1049, ['beta', '(a or b)']],
          [1050, ['', '']],
          [1048, int32(0, 0)],
        ]),
      ]),
      '/etc/alpha.conf': 'x',
    },
    database: ['/usr/share/rpm/rpmdb.sqlite'],
    mutations: 120,
  },
]);

describe('real databases', () => {
  it('reads a Berkeley DB of RHEL 8 as rpm does', async () => {
    const expected = el8();
    const root = memoryRoot({
      '/var/lib/rpm/Packages': fixtureBytes('rpm/el8/Packages'),
      ...Object.fromEntries(expected.files.map((path) => [path, null])),
    });
    const { packages } = await readPackages(rpmPackages, root);
    const one = packages[0]!;
    expect(packages).toHaveLength(1);
    expect(one).toMatchObject({
      name: expected.name,
      version: expected.version,
      architecture: expected.architecture,
      installedSize: expected.size,
      installTime: expected.installTime,
      section: expected.group,
    });
    expect(`${one.source}-2.32.1-42.el8_8.src.rpm`).toBe(expected.sourceRpm);
    expect(entryPaths(root, one.entries)).toEqual([...expected.files].sort());
    const dependencies = one.dependencies!;
    // rpmlib() asks for features of rpm, not for packages.
    const requires = expected.requires.filter((required) => !required.startsWith('rpmlib('));
    expect(paths(dependencies.requires.flat())).toEqual(requires);
    expect(paths(dependencies.provides)).toEqual(expected.provides);
    expect(paths(dependencies.conflicts)).toEqual(expected.conflicts);
  });

  it.each([
    ['SQLite that rpm wrote', '/usr/lib/sysimage/rpm/rpmdb.sqlite', () => madeDatabase()],
    ['NDB made by hand of its headers', '/usr/lib/sysimage/rpm/Packages.db', () => ndbFile(madeHeaders())],
  ])('reads %s as rpm does', async (_, path, bytes) => {
    const root = memoryRoot({ ...madeTree(), [path]: bytes() });
    const { packages, codes } = await readPackages(rpmPackages, root);
    expect(codes).toEqual([]);
    const expected = madePackages();
    const version = (one: RpmPackage) =>
      `${one.epoch === null ? '' : `${one.epoch}:`}${one.version}-${one.release}`;
    const key = (one: { name: string }, full: string) => `${one.name} ${full}`;
    expect(packages.map((one) => key(one, one.version)).sort()).toEqual(
      expected.map((one) => key(one, version(one))).sort(),
    );
    for (const theirs of expected) {
      const ours = packages.find((one) => one.name === theirs.name && one.version === version(theirs))!;
      expect(ours).toMatchObject({
        architecture: theirs.architecture,
        installedSize: theirs.size,
        installTime: theirs.installTime,
        section: theirs.group === 'Unspecified' ? null : theirs.group,
      });
      // name-version-release.src.rpm
      expect(ours.source).toBe(theirs.source === null ? null : theirs.source.replace(/-[^-]+-[^-]+$/, ''));
      const { requires, provides, conflicts, recommends, suggests, supplements } = ours.dependencies!;
      expect({
        require: requires.map(alternativeWords).sort(),
        provide: provides.map(dependencyWords).sort(),
        conflict: conflicts.map(dependencyWords).sort(),
        recommend: recommends.map(alternativeWords).sort(),
        suggest: suggests.map(alternativeWords).sort(),
        supplement: supplements.flatMap((all) => all.map(alternativeWords)).sort(),
      }).toEqual(
        Object.fromEntries(RPM_LISTS.map((list) => [list, resolvedLines(list, theirs[list]).sort()])),
      );
      const files = [...(theirs.files['0'] ?? []), ...(theirs.files['3'] ?? [])]
        .map((file) => root.lookup(file, false))
        .filter((entry) => entry >= 0);
      expect([...ours.entries]).toEqual([...new Set(files)].sort((a, b) => a - b));
    }
  });

  it('covers every state of files, a size beyond 32 bits and a key', () => {
    const states = new Set(madePackages().flatMap((one) => Object.keys(one.files)));
    expect([...states].sort()).toEqual(['0', '1', '2', '3']);
    expect(Math.max(...madePackages().map((one) => one.size))).toBeGreaterThan(2 ** 32);
    expect(madePackages().some((one) => one.name === 'gpg-pubkey' && one.architecture === null)).toBe(true);
  });
});

describe('files', () => {
  const header = rpmHeader([
    ...ALPHA,
    [1118, ['/lib/', '/usr/share/alpha/', '']],
    [1117, ['liba.so', 'data', 'not-installed', 'replaced', 'wrong-colour', 'shared', 'gone', '']],
    [1116, int32(0, 1, 1, 1, 1, 1, 1, 2)],
    [1029, { type: 2, numbers: [0, 0, 2, 1, 4, 3, 0, 0] }],
  ]);
  const root = memoryRoot({
    '/var/lib/rpm/rpmdb.sqlite': rpmSqlite([header]),
    '/lib': { link: 'usr/lib' },
    '/usr/lib/liba.so': 'x',
    '/usr/share/alpha/data': 'x',
    '/usr/share/alpha/not-installed': 'another one',
    '/usr/share/alpha/replaced': 'x',
    '/usr/share/alpha/wrong-colour': 'x',
    '/usr/share/alpha/shared': 'x',
  });

  it('counts what rpm put there, through links of directories; not what it left out or was replaced', async () => {
    const { packages } = await readPackages(rpmPackages, root);
    expect(entryPaths(root, packages[0]!.entries)).toEqual([
      '/usr/lib/liba.so',
      '/usr/share/alpha/data',
      '/usr/share/alpha/shared',
    ]);
  });

  it('takes a requirement that may be missing for a recommendation, as rpm 4.4 wrote one', async () => {
    // RPMSENSE_MISSINGOK of rpm's rpmds.h, RPMSENSE_GREATER | RPMSENSE_EQUAL.
    const old = rpmHeader([
      ...ALPHA,
      [1049, ['hinted', 'needed']],
      [1050, ['2', '']],
      [1048, int32((1 << 19) | 4 | 8, 0)],
    ]);
    const [one] = (await readPackages(rpmPackages, guest(rpmSqlite([old])))).packages;
    expect(one!.dependencies!.requires.map(alternativeWords)).toEqual(['needed']);
    expect(one!.dependencies!.recommends.map(alternativeWords)).toEqual(['hinted >= 2']);
  });

  it('takes the later of two entries for a tag: what the installation added', async () => {
    const both = rpmHeader([...ALPHA, [1008, int32(1)], [1008, int32(1_700_000_000)]]);
    const { packages } = await readPackages(rpmPackages, guest(rpmSqlite([both])));
    expect(packages[0]!.installTime).toBe(1_700_000_000);
  });

  it('lists a key that rpm trusts: a package of no architecture and no files', async () => {
    const key = rpmHeader([
      [1000, 'gpg-pubkey'],
      [1001, 'd4082792'],
      [1002, '5b32db75'],
      [1009, int32(0)],
      [1016, 'Public Keys'],
    ]);
    const [one] = (await readPackages(rpmPackages, guest(rpmSqlite([key])))).packages;
    expect(one).toMatchObject({
      version: 'd4082792-5b32db75',
      architecture: null,
      source: null,
      installedSize: 0,
    });
    expect([...one!.entries]).toEqual([]);
  });

  it('reads whole paths of rpm 3, 64-bit sizes and epoch', async () => {
    const old = rpmHeader([
      ...ALPHA,
      [1003, int32(2)],
      [1027, ['/etc/alpha']],
      [1009, int32(5)],
      [5009, { type: 5, numbers: [2 ** 33] }],
    ]);
    const tree = guest(rpmSqlite([old]), { '/etc/alpha': 'x' });
    const [one] = (await readPackages(rpmPackages, tree)).packages;
    expect(one).toMatchObject({ version: '2:1.0-3', installedSize: 2 ** 33 });
    expect(entryPaths(tree, one!.entries)).toEqual(['/etc/alpha']);
  });
});

describe('damage', () => {
  it('leaves a broken header out, says so, and keeps the others', async () => {
    const broken = rpmHeader(ALPHA);
    broken.writeUInt32BE(0x7fffffff, 8 + 12);
    const tree = guest(rpmSqlite([broken, rpmHeader([...ALPHA.slice(1), [1000, 'beta']])]));
    const { packages, codes } = await readPackages(rpmPackages, tree);
    expect(packages.map((one) => one.name)).toEqual(['beta']);
    expect(codes).toEqual(['IMGOPT_RPM_HEADER_TAG']);
  });

  it.each([
    [
      'more tags than rpm allows',
      (bytes: Buffer) => bytes.writeUInt32BE(0x10000, 0),
      'IMGOPT_RPM_HEADER_SIZE',
    ],
    ['more data than there is', (bytes: Buffer) => bytes.writeUInt32BE(4096, 4), 'IMGOPT_RPM_HEADER_SIZE'],
    ['an unknown type', (bytes: Buffer) => bytes.writeUInt32BE(10, 12), 'IMGOPT_RPM_HEADER_TAG'],
    [
      'a number where a string belongs',
      (bytes: Buffer) => bytes.writeUInt32BE(2, 12),
      'IMGOPT_RPM_HEADER_TYPE',
    ],
    ['a string without end', (bytes: Buffer) => bytes.fill(65, 8 + 48), 'IMGOPT_RPM_HEADER_STRING'],
  ])('refuses a header with %s', async (_, damage, code) => {
    const header = rpmHeader(ALPHA);
    damage(header);
    expect((await readPackages(rpmPackages, guest(rpmSqlite([header])))).codes).toEqual([code]);
  });

  it.each([
    ['a btree', (bytes: Buffer) => bytes.writeUInt32LE(0x053162, 12), 'IMGOPT_RPM_BDB_BTREE'],
    ['an encrypted file', (bytes: Buffer) => bytes.writeUInt8(1, 24), 'IMGOPT_RPM_BDB_ENCRYPTED'],
    ['page checksums', (bytes: Buffer) => bytes.writeUInt8(1, 26), 'IMGOPT_RPM_BDB_CHECKSUM'],
    ['a version of another age', (bytes: Buffer) => bytes.writeUInt32LE(5, 16), 'IMGOPT_RPM_BDB_VERSION'],
    ['a page size of 3', (bytes: Buffer) => bytes.writeUInt32LE(3, 20), 'IMGOPT_RPM_BDB_PAGE_SIZE'],
    ['pages beyond its end', (bytes: Buffer) => bytes.writeUInt32LE(1 << 20, 32), 'IMGOPT_RPM_BDB_TRUNCATED'],
  ])('refuses Berkeley DB: %s', async (_, damage, code) => {
    const bytes = Buffer.from(fixtureBytes('rpm/el8/Packages'));
    damage(bytes);
    const root = memoryRoot({ '/var/lib/rpm/Packages': bytes });
    await expect(readPackages(rpmPackages, root)).rejects.toMatchObject({ code });
  });

  it('stops at an overflow chain that runs in a circle', async () => {
    const bytes = Buffer.from(fixtureBytes('rpm/el8/Packages'));
    const page = bytes.readUInt32LE(20);
    for (let at = page; at < bytes.length; at += page) {
      if (bytes[at + 25] === 7) bytes.writeUInt32LE(at / page, at + 16);
    }
    const root = memoryRoot({ '/var/lib/rpm/Packages': bytes });
    await expect(readPackages(rpmPackages, root)).rejects.toMatchObject({ code: 'IMGOPT_RPM_BDB_OVERFLOW' });
  });

  it('says when a hash page is lost: its overflow pages belong to nobody', async () => {
    const bytes = Buffer.from(fixtureBytes('rpm/el8/Packages'));
    const page = bytes.readUInt32LE(20);
    for (let at = page; at < bytes.length; at += page) if (bytes[at + 25] === 13) bytes[at + 25] = 0;
    const { packages, codes } = await readPackages(
      rpmPackages,
      memoryRoot({ '/var/lib/rpm/Packages': bytes }),
    );
    expect(packages).toEqual([]);
    expect(codes).toEqual(['IMGOPT_RPM_BDB_ORPHANS']);
  });

  it.each([
    ['a wrong checksum', (bytes: Buffer) => bytes.writeUInt8(bytes[5000]! ^ 1, 5000), 'RPM_NDB_CHECKSUM'],
    ['no magic', (bytes: Buffer) => bytes.writeUInt8(0, 0), 'RPM_NDB_MAGIC'],
    ['a version of another age', (bytes: Buffer) => bytes.writeUInt32LE(1, 4), 'RPM_NDB_VERSION'],
    ['more slots than bytes', (bytes: Buffer) => bytes.writeUInt32LE(1 << 30, 12), 'RPM_NDB_SLOTS'],
    ['no slot where one belongs', (bytes: Buffer) => bytes.writeUInt8(0, 64), 'RPM_NDB_SLOTS'],
    ['a slot beyond its end', (bytes: Buffer) => bytes.writeUInt32LE(0xfffffff, 32 + 8), 'RPM_NDB_SLOTS'],
    ['two slots of one blob', (bytes: Buffer) => bytes.copy(bytes, 32 + 16, 32, 48), 'RPM_NDB_SLOTS'],
    ['a blob of another package', (bytes: Buffer) => bytes.writeUInt32LE(999, 32 + 4), 'RPM_NDB_BLOB'],
    ['two lengths of a blob', (bytes: Buffer) => bytes.writeUInt32LE(1, bytes.length - 8), 'RPM_NDB_BLOB'],
  ])('refuses NDB: %s', async (_, damage, code) => {
    const bytes = ndbFile(madeHeaders());
    damage(bytes);
    const root = memoryRoot({ '/var/lib/rpm/Packages.db': bytes });
    await expect(readPackages(rpmPackages, root)).rejects.toMatchObject({ code: `IMGOPT_${code}` });
  });

  it('computes Adler-32 as RFC 1950 does', () => {
    // The example of the Wikipedia article on Adler-32, and the start value for no bytes at all.
    const text = new TextEncoder().encode('Wikipedia');
    expect(adler32(text, 0, text.length)).toBe(0x11e60398);
    expect(adler32(text, 0, 0)).toBe(1);
  });

  it('reads an NDB with several pages of slots', async () => {
    const headers = Array.from({ length: 300 }, (_, i) =>
      rpmHeader([
        [1000, `p${i}`],
        [1001, '1'],
      ]),
    );
    const bytes = ndbFile(headers);
    const { packages } = await readPackages(rpmPackages, memoryRoot({ '/var/lib/rpm/Packages.db': bytes }));
    expect(packages).toHaveLength(300);
  });
});

describe('SQLite', () => {
  it('counts transactions that are only in the write-ahead log', async () => {
    const { bytes, wal } = sqliteFile((database) => {
      database.exec(CREATE);
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.prepare('INSERT INTO Packages (blob) VALUES (?)').run(rpmHeader(ALPHA));
    }, 'wal');
    expect(wal!.length).toBeGreaterThan(0);
    const bare = guest(bytes);
    expect((await readPackages(rpmPackages, bare)).packages).toEqual([]);
    const logged = guest(bytes, { '/var/lib/rpm/rpmdb.sqlite-wal': wal! });
    expect((await readPackages(rpmPackages, logged)).packages.map((one) => one.name)).toEqual(['alpha']);
  });

  it.each([
    ['a view', 'CREATE VIEW Packages AS SELECT 1 AS hnum, zeroblob(1000000000) AS blob'],
    [
      'a generated column',
      'CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB AS (zeroblob(1000000000)))',
    ],
    ['other columns', 'CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, content BLOB)'],
    ['a virtual table', 'CREATE VIRTUAL TABLE Packages USING fts5(hnum, blob)'],
  ])('does not touch %s that is called like the table', async (_, statement) => {
    const { bytes } = sqliteFile((database) => database.exec(statement));
    await expect(readPackages(rpmPackages, guest(bytes))).rejects.toMatchObject({
      code: 'IMGOPT_SQLITE_SCHEMA',
    });
  });

  it('takes a database without tables for one without packages, and leaves nothing behind', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('imgopt-sqlite-'));
    const { bytes } = sqliteFile((database) => database.exec('CREATE TABLE other (x)'));
    expect((await readPackages(rpmPackages, guest(bytes))).packages).toEqual([]);
    await expect(readPackages(rpmPackages, guest(bytes.subarray(0, 4096)))).rejects.toThrow();
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith('imgopt-sqlite-'));
    expect(after.filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe('rich dependencies', () => {
  const resolve = (text: string, installed: string[] = []) =>
    resolveRich(parseRich(text)!, new Set(installed)).map((all) => paths(all).join(' | '));

  it.each([
    ['(a or b >= 2)', [], ['a | b >= 2']],
    ['(a and b)', [], ['a', 'b']],
    ['(a or (b and c))', [], ['a | b', 'a | c']],
    ['(a if b)', [], []],
    ['(a if b)', ['b'], ['a']],
    ['(a if b else c)', [], ['c']],
    ['(a unless b)', [], ['a']],
    ['(a unless b else c)', ['b'], ['c']],
    ['(a >= 1 with a < 2)', [], ['a >= 1', 'a < 2']],
    ['(a without b)', [], ['a']],
    ['(lib.so.1()(64bit) or pkgconfig(x))', [], ['lib.so.1()(64bit) | pkgconfig(x)']],
    ['(a if (b and (c or d)))', ['b', 'd'], ['a']],
  ])('%s with %j installed', (text, installed, expected) => {
    expect(resolve(text, installed)).toEqual(expected);
  });

  it.each(['(a', '(a or)', '(or a)', '()', 'a)', '(a >=)', `${'('.repeat(100)}a${')'.repeat(100)}`, '(a b)'])(
    'keeps %s as a name',
    (text) => {
      expect(parseRich(text)).toBeUndefined();
    },
  );
});

describe('reasons of installation', () => {
  const headers = ['alpha', 'beta', 'gamma', 'delta'].map((name) =>
    rpmHeader([
      [1000, name],
      [1001, '1'],
      [1002, '1'],
      [1022, 'x86_64'],
    ]),
  );
  const database = rpmSqlite(headers);
  const automatic = async (more: Record<string, string | Uint8Array>) => {
    const { packages, codes } = await readPackages(rpmPackages, guest(database, more));
    return { codes, ...Object.fromEntries(packages.map((one) => [one.name, one.automatic])) };
  };

  it('does not know without a manager', async () => {
    expect(await automatic({})).toEqual({ codes: [], alpha: null, beta: null, gamma: null, delta: null });
  });

  it('asks dnf 4: the last finished transaction that put the package there', async () => {
    const history = sqliteFile((db) =>
      db.exec(`
        CREATE TABLE trans (id INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL);
        CREATE TABLE rpm (item_id INTEGER UNIQUE NOT NULL, name TEXT, epoch INTEGER, version TEXT, release TEXT, arch TEXT);
        CREATE TABLE trans_item (id INTEGER PRIMARY KEY AUTOINCREMENT, trans_id INTEGER, item_id INTEGER,
          repo_id INTEGER, action INTEGER NOT NULL, reason INTEGER NOT NULL, state INTEGER NOT NULL);
        INSERT INTO trans VALUES (1, 1), (2, 1), (3, 2);
        INSERT INTO rpm VALUES (1, 'alpha', 0, '1', '1', 'x86_64'), (2, 'beta', 0, '1', '1', 'x86_64'),
          (3, 'gamma', 0, '0', '1', 'x86_64'), (4, 'gamma', 0, '1', '1', 'x86_64');
        INSERT INTO trans_item (trans_id, item_id, action, reason, state) VALUES
          (1, 1, 1, 2, 1), (1, 2, 1, 1, 1), (1, 3, 1, 4, 1),
          (2, 4, 6, 5, 1), (2, 3, 7, 4, 1),
          (3, 1, 11, 1, 0);
      `),
    ).bytes;
    expect(await automatic({ '/var/lib/dnf/history.sqlite': history })).toEqual({
      codes: [],
      alpha: false,
      beta: true,
      gamma: false,
      delta: null,
    });
  });

  it('says when the history cannot be read, and goes on', async () => {
    const { codes } = await automatic({ '/var/lib/dnf/history.sqlite': 'no database' });
    expect(codes).toEqual(['IMGOPT_SQLITE_MAGIC']);
  });

  it('asks dnf 5, whose groups are in a file of their own', async () => {
    expect(
      await automatic({
        '/usr/lib/sysimage/libdnf5/packages.toml':
          'version = "1.0"\n[packages]\n"alpha.x86_64" = {reason = "User"}\n"beta.x86_64" = {reason = "Weak Dependency"}\n',
        '/usr/lib/sysimage/libdnf5/groups.toml':
          'version = "1.0"\n[groups]\n[groups.core]\npackages = [\n"gamma",\n"other",\n]\nuserinstalled = true\n',
      }),
    ).toEqual({ codes: [], alpha: false, beta: true, gamma: false, delta: null });
  });

  it('reads both ways in which TOML writes a table of tables', () => {
    const text = '[packages]\n[packages."a.noarch"]\nreason = "Dependency"\n[other."b"]\nreason = "User"\n';
    expect([...parseDnf5Packages(text)]).toEqual([['a.noarch', 'Dependency']]);
    expect(parseDnf5Groups('[groups.x]\npackages = ["a", "b"]\npackage_types = ["mandatory"]')).toEqual([
      'a',
      'b',
    ]);
  });

  it('asks yum', async () => {
    expect(
      await automatic({
        '/var/lib/yum/yumdb/a/0a1b-alpha-1-1-x86_64/reason': 'user',
        '/var/lib/yum/yumdb/b/0a1c-beta-1-1-x86_64/reason': 'dep',
      }),
    ).toMatchObject({ alpha: false, beta: true, gamma: null });
  });

  it('asks zypper, which lists what nobody asked for', async () => {
    expect(await automatic({ '/var/lib/zypp/AutoInstalled': '# comment\nbeta\n' })).toMatchObject({
      alpha: false,
      beta: true,
    });
  });

  it('knows what dnf protects', async () => {
    const { packages } = await readPackages(
      rpmPackages,
      guest(database, {
        '/etc/dnf/protected.d/x.conf': '# kept\nbeta\n',
        '/etc/dnf/protected.d/README': 'gamma\n',
      }),
    );
    expect(packages.filter((one) => one.essential).map((one) => one.name)).toEqual(['beta']);
  });
});
