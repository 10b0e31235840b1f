/**
 * rpm databases against rpm itself: one that rpm installs into, and the headers of the committed one, put into
 * Berkeley DB files of both byte orders and several page sizes by db5.3_load, and into NDB by hand.
 */

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Package } from '../../src/core/contracts/package.ts';
import { rpmPackages } from '../../src/packages/rpm/rpm.ts';
import { readPackages } from '../contract/packages.ts';
import { entryPaths, folderRoot, memoryRoot, type TestRoot } from '../support/folder-root.ts';
import { ndbFile } from '../support/rpm-header.ts';
import {
  alternativeWords,
  dependencyWords,
  madeDatabase,
  madeHeaders,
  madeTree,
  RPM_LISTS,
  resolvedLines,
} from '../support/rpm-made.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const SPEC = `
Name: alpha
Epoch: 2
Version: 1.0
Release: 3
Summary: a
License: MIT
Group: System/Base
BuildArch: noarch
Requires: beta >= 1.0, /bin/sh, (gamma if beta), (gamma or delta)
Recommends: omega > 3
Suggests: sugg
Supplements: sup = 1
Conflicts: evil < 2
Provides: virt = 5, plain
%description
a
%install
mkdir -p %{buildroot}/usr/share/alpha %{buildroot}/usr/share/doc/alpha %{buildroot}/etc %{buildroot}/var/log
echo hello > %{buildroot}/usr/share/alpha/data
echo doc > %{buildroot}/usr/share/doc/alpha/README
echo c > %{buildroot}/etc/alpha.conf
touch %{buildroot}/var/log/alpha.log %{buildroot}/var/log/never.log
ln -s data %{buildroot}/usr/share/alpha/link
ln %{buildroot}/usr/share/alpha/data %{buildroot}/usr/share/alpha/hard
%files
%dir /usr/share/alpha
/usr/share/alpha/*
%doc /usr/share/doc/alpha/README
%config(noreplace) /etc/alpha.conf
%ghost /var/log/alpha.log
%ghost /var/log/never.log
%package -n beta
Summary: b
Version: 1.1
Provides: beta(x86-64) = 1.1
%description -n beta
b
%files -n beta
%package -n gamma
Summary: g
%description -n gamma
g
%files -n gamma
`;

const FIELDS =
  '%{NAME}\\t%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{LONGSIZE}\\t%{INSTALLTIME}\\t%{SOURCERPM}\\n';

/** What rpm says: one line of fields per package, lists of dependencies, and files that it put there. */
async function askRpm(where: readonly string[]) {
  const query = (form: string) => runTool('rpm', [...where, '-qa', '--qf', form]);
  const rows = (await query(FIELDS)).split('\n').filter((line) => line !== '');
  const lists: Record<string, string[]> = {};
  for (const list of RPM_LISTS) {
    const all = (await query(`[%{=NAME}\\t%{${list}NEVRS}\\n]`)).split('\n').filter((line) => line !== '');
    lists[list] = all
      .map((line) => line.split('\t') as [string, string])
      .flatMap(([name, words]) => resolvedLines(list, [words]).map((line) => `${name}\t${line}`))
      .sort();
  }
  const states = await query('[%{=NAME}-%{=VERSION}\\t%{FILENAMES}\\t%{FILESTATES}\\n]');
  const files = states
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t') as [string, string, string]);
  return { rows: rows.sort(), lists, files };
}

function ours(packages: readonly Package[], sources: ReadonlyMap<string, string>) {
  const rows = packages.map((one) => {
    const source = sources.get(`${one.name}\t${one.version}`)!;
    expect(source === '(none)' ? one.source : source.startsWith(`${one.source}-`)).toBe(
      source === '(none)' ? null : true,
    );
    const fields = [
      one.name,
      one.version,
      one.architecture ?? '(none)',
      one.installedSize,
      one.installTime,
      source,
    ];
    return fields.join('\t');
  });
  const list = (pick: (one: Package) => readonly string[]) =>
    packages.flatMap((one) => pick(one).map((words) => `${one.name}\t${words}`)).sort();
  return {
    rows: rows.sort(),
    lists: {
      require: list((one) => one.dependencies!.requires.map(alternativeWords)),
      provide: list((one) => one.dependencies!.provides.map(dependencyWords)),
      conflict: list((one) => one.dependencies!.conflicts.map(dependencyWords)),
      recommend: list((one) => one.dependencies!.recommends.map(alternativeWords)),
      suggest: list((one) => one.dependencies!.suggests.map(alternativeWords)),
      supplement: list((one) => one.dependencies!.supplements.flatMap((all) => all.map(alternativeWords))),
    },
  };
}

type Answer = Awaited<ReturnType<typeof askRpm>>;

function expectSame(root: TestRoot, packages: readonly Package[], answer: Answer) {
  const sources = new Map(answer.rows.map((row) => [row.split('\t', 2).join('\t'), row.split('\t')[5]!]));
  const mine = ours(packages, sources);
  expect(mine.rows).toEqual(answer.rows);
  expect(mine.lists).toEqual(answer.lists);
  for (const one of packages) {
    const nameVersion = `${one.name}-${one.version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')}`;
    const theirs = answer.files
      .filter(
        ([name, path, state]) =>
          name === nameVersion && (state === '0' || state === '3') && root.lookup(path, false) >= 0,
      )
      .map(([, path]) => root.table.path(root.lookup(path, false)));
    expect(entryPaths(root, one.entries)).toEqual([...new Set(theirs)].sort());
  }
}

describeWithTools(['rpm', 'rpmbuild'], 'a root that rpm installed', () => {
  const folder = temporaryFolder();
  const target = join(folder, 'root');
  const where = ['--root', target, '--define', '_dbpath /var/lib/rpm'];

  beforeAll(async () => {
    writeFileSync(join(folder, 'alpha.spec'), SPEC);
    await runTool('rpmbuild', ['-bb', '--define', `_topdir ${folder}/build`, join(folder, 'alpha.spec')]);
    const built = ['alpha-1.0-3', 'beta-1.1-3', 'gamma-1.0-3'].map((name) =>
      join(folder, `build/RPMS/noarch/${name}.noarch.rpm`),
    );
    mkdirSync(target);
    await runTool('rpm', [...where, '-i', '--nodeps', '--noscripts', '--excludedocs', ...built]);
    mkdirSync(join(target, 'var/log'), { recursive: true });
    writeFileSync(join(target, 'var/log/alpha.log'), 'written by the running program\n');
  }, 60_000);

  it('gives the same packages, dependencies and files', async () => {
    const answer = await askRpm(where);
    const root = folderRoot(target);
    const { packages, codes } = await readPackages(rpmPackages, root);
    expect(codes).toEqual([]);
    expect(packages).toHaveLength(3);
    expectSame(root, packages, answer);
    const alpha = packages[0]!;
    expect(alpha.dependencies!.requires.map(alternativeWords).sort()).toEqual([
      '/bin/sh',
      'beta >= 1.0',
      'config(alpha) = 2:1.0-3',
      'gamma',
      'gamma | delta',
    ]);
    expect(alpha.dependencies!.supplements.flat(2).map(dependencyWords)).toEqual(['sup = 1']);
  });

  it('owns a ghost that is there, as rpm -qf says and rpm -e does', async () => {
    const root = folderRoot(target);
    const [alpha] = (await readPackages(rpmPackages, root)).packages;
    const owner = await runTool('rpm', [...where, '-qf', '/var/log/alpha.log', '--qf', '%{NAME}']);
    expect(owner).toBe('alpha');
    expect(entryPaths(root, alpha!.entries)).toContain('/var/log/alpha.log');
    const copy = join(folder, 'copy');
    cpSync(target, copy, { recursive: true, verbatimSymlinks: true });
    await runTool('rpm', ['--root', copy, '--define', '_dbpath /var/lib/rpm', '-e', '--nodeps', 'alpha']);
    expect(folderRoot(copy).lookup('/var/log/alpha.log')).toBe(-1);
  });
});

describeWithTools(['rpm', 'db5.3_load'], 'the headers of the committed database', () => {
  const folder = temporaryFolder();
  const blobs = madeHeaders();
  const files = madeTree();
  let answer: Answer;

  beforeAll(async () => {
    const home = join(folder, 'sqlite');
    mkdirSync(home);
    writeFileSync(join(home, 'rpmdb.sqlite'), madeDatabase());
    answer = await askRpm(['--dbpath', home]);
  }, 60_000);

  it.each([
    ['SQLite', '/var/lib/rpm/rpmdb.sqlite', () => madeDatabase()],
    ['NDB made by hand', '/usr/lib/sysimage/rpm/Packages.db', () => ndbFile(blobs)],
  ])('come out of %s as rpm says, with every file', async (_, path, bytes) => {
    const tree = memoryRoot({ ...files, [path]: bytes() });
    const { packages, codes } = await readPackages(rpmPackages, tree);
    expect(codes).toEqual([]);
    expect(packages).toHaveLength(blobs.length);
    expect(answer.files.length).toBeGreaterThan(500);
    expectSame(tree, packages, answer);
  });

  it.each([
    [1234, 4096],
    [1234, 512],
    [1234, 65536],
    [4321, 4096],
    [4321, 16384],
  ])('come out of Berkeley DB with byte order %i and pages of %i bytes the same', async (order, page) => {
    const key = (number: number) => {
      const bytes = Buffer.alloc(4);
      if (order === 1234) bytes.writeUInt32LE(number);
      else bytes.writeUInt32BE(number);
      return ` ${bytes.toString('hex')}`;
    };
    const dump = [
      'VERSION=3',
      'format=bytevalue',
      'type=hash',
      `db_pagesize=${page}`,
      `db_lorder=${order}`,
      'HEADER=END',
      // Record 0 is rpm's count of headers given so far.
      key(0),
      key(blobs.length),
      ...blobs.flatMap((blob, i) => [key(i + 1), ` ${blob.toString('hex')}`]),
      'DATA=END',
      '',
    ].join('\n');
    const home = join(folder, `bdb-${order}-${page}`);
    mkdirSync(home);
    const path = join(home, 'Packages');
    runToolSync('db5.3_load', [path], Buffer.from(dump));
    const bytes = readFileSync(path);
    const tree = memoryRoot({ ...files, '/var/lib/rpm/Packages': bytes });
    const { packages, codes } = await readPackages(rpmPackages, tree);
    expect(codes).toEqual([]);
    expectSame(tree, packages, answer);
    const where = ['--define', '_db_backend bdb_ro', '--dbpath', home];
    expect((await askRpm(where)).rows).toEqual(answer.rows);
  });
});
