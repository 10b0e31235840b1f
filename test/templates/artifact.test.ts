import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { viewArtifact } from '../../src/templates/artifact.ts';
import { loadProject } from '../../src/templates/project.ts';
import { type GuestPackage, type GuestTree, guest } from '../analyzers/rules/support.ts';
import { provisioned, withFiles } from './support.ts';

const DPKG = { manager: 'dpkg', version: '1' } as const;

/** app needs a library of its own and one that tool needs too; both need libc. */
const PACKAGES: readonly GuestPackage[] = [
  { ...DPKG, name: 'libc', essential: true, paths: ['/lib/libc.so'] },
  {
    ...DPKG,
    name: 'app',
    automatic: false,
    requires: ['libown', 'libshared', 'libc'],
    paths: ['/usr/bin/app'],
  },
  { ...DPKG, name: 'tool', automatic: false, requires: ['libshared'], paths: ['/usr/bin/tool'] },
  { ...DPKG, name: 'libown', automatic: true, paths: ['/usr/lib/libown.so'] },
  { ...DPKG, name: 'libshared', automatic: true, paths: ['/usr/lib/libshared.so'] },
  { ...DPKG, name: 'linux-headers-6.1', automatic: false, paths: ['/usr/src/headers'] },
];

const TREE: GuestTree = {
  '/lib/libc.so': { size: 8192, allocated: 8192 },
  '/usr/bin/app': { size: 40_960, allocated: 40_960 },
  '/usr/bin/tool': { size: 4096, allocated: 4096 },
  '/usr/lib/libown.so': { size: 20_480, allocated: 20_480 },
  '/usr/lib/libshared.so': { size: 12_288, allocated: 12_288 },
  '/usr/src/headers': { size: 81_920, allocated: 81_920 },
  '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
  '/tmp/left': { size: 4096, allocated: 4096 },
  '/tmp/.hidden': { size: 4096, allocated: 4096 },
};

async function view(script: string, tree = TREE) {
  return withFiles(provisioned(script), async (folder) =>
    viewArtifact(await loadProject([folder]), guest(tree, PACKAGES)),
  );
}

describe('what a line costs', () => {
  it('is what would go with it: its packages, and what only these need', async () => {
    const { costs } = await view('#!/bin/sh -e\napt-get install -y app\napt-get install -y tool\n');
    expect(costs.map(({ line, text, own, exclusive }) => [line, text, own, exclusive])).toEqual([
      // 40960 of app, 20480 of libown; libshared stays for tool, libc for everybody.
      [2, 'apt-get install -y app', 40_960, 61_440],
      [3, 'apt-get install -y tool', 4096, 4096],
    ]);
    expect(costs[0]!.brings.map((one) => one.name)).toEqual(['libown']);
  });

  it('counts what two packages of one line share', async () => {
    const { costs } = await view('#!/bin/sh -e\napt-get install -y app tool missing $MORE\n');
    expect(costs).toHaveLength(1);
    expect(costs[0]).toMatchObject({ own: 45_056, exclusive: 45_056 + 20_480 + 12_288, dynamic: true });
    expect(costs[0]!.packages.find((one) => one.name === 'missing')).toEqual({
      name: 'missing',
      version: null,
      allocated: 0,
    });
  });

  it('is nothing where something else needs it all', async () => {
    const { costs } = await view('#!/bin/sh -e\napt-get install -y libc\n');
    expect(costs[0]).toMatchObject({ own: 8192, exclusive: 0 });
  });
});

describe('proof of clean-up', () => {
  const outcome = async (line: string, tree?: GuestTree) => {
    const { cleanup } = await view(`#!/bin/sh -e\n${line}\n`, tree);
    return cleanup.map((one) => [one.outcome, one.bytes, ...one.residue.map((each) => each.name)]);
  };

  it('finds what a cut pipeline was to purge', async () => {
    const line = "dpkg --list | awk '{ print $2 }' | grep 'linux-headers' || true | xargs apt-get -y purge";
    expect(await outcome(line)).toEqual([['residue', 81_920, 'linux-headers-6.1']]);
    expect(await outcome(line.replace('linux-headers', '^linux-image'))).toEqual([['clean', 0]]);
    expect(await outcome(line.replace("grep 'linux-headers'", "grep 'linux-headers' | grep -v 6.1"))).toEqual(
      [['clean', 0]],
    );
  });

  it('tells what hangs on a condition from what its own || true cuts', async () => {
    const conditional = async (line: string) =>
      (await view(`#!/bin/sh -e\n${line}\n`)).cleanup.map((one) => one.conditional);
    expect(await conditional('dpkg -l | grep linux-headers || true | xargs apt-get -y purge')).toEqual([
      false,
    ]);
    expect(await conditional('if x; then apt-get -y purge app; fi')).toEqual([true]);
    expect(await conditional('test -e /x && apt-get -y purge app')).toEqual([true]);
  });

  it('looks for packages and paths by name, wildcards as a shell reads them', async () => {
    expect(await outcome('apt-get -y purge app nano')).toEqual([['residue', 40_960, 'app']]);
    expect(await outcome('rm -rf /tmp/*')).toEqual([['residue', 4096, '/tmp/left']]);
    expect(await outcome('rm -rf /opt/none')).toEqual([['clean', 0]]);
    expect(await outcome('rm -rf /')).toEqual([]);
    expect(await outcome('rm -rf "$DIR"/*')).toEqual([]);
  });

  it('does not hold against a step what was installed again after it', async () => {
    expect(await outcome('apt-get -y purge app\napt-get install -y app')).toEqual([['clean', 0]]);
  });

  it('knows a machine id that is none', async () => {
    const line = 'truncate -s 0 /etc/machine-id';
    expect((await outcome(line))[0]![0]).toBe('residue');
    expect(await outcome(line, { ...TREE, '/etc/machine-id': '' })).toEqual([['clean', 0]]);
    expect(await outcome(line, { ...TREE, '/etc/machine-id': 'uninitialized\n' })).toEqual([['clean', 0]]);
  });
});

describe('a real image', () => {
  it('is told as dpkg-query and debugfs tell it', async () => {
    const { fixturePath, fixtureExpected } = await import('../support/fixtures.ts');
    const { imgopt } = await import('../support/cli.ts');
    const expected = fixtureExpected<{
      packages: { name: string; allocated: number }[];
      files: Record<string, [string, number, number]>;
    }>('debian-mini');
    const allocated = (name: string) => expected.packages.find((one) => one.name === name)!.allocated;
    const folder = mkdtempSync(join(tmpdir(), 'imgopt-lint-'));
    try {
      const script =
        '#!/bin/sh -e\napt-get install -y busybox hostname\napt-get purge -y login nano\napt-get clean\nrm -rf /var/lib/apt/lists/*\n';
      for (const [name, text] of Object.entries(provisioned(script))) writeFileSync(join(folder, name), text);
      const image = fixturePath('debian-mini/debian-mini.qcow2');
      const { stdout, code } = await imgopt(['lint', 'debian.pkr.hcl', '--artifact', image, '--json'], {
        cwd: folder,
      });
      expect(code).toBe(1);
      const { artifact } = JSON.parse(stdout);
      expect(artifact.costs).toHaveLength(1);
      expect(artifact.costs[0]).toMatchObject({
        path: 'setup.sh',
        line: 2,
        own: allocated('busybox') + allocated('hostname'),
        // hostname is what the boot needs.
        exclusive: allocated('busybox'),
      });
      const deb = '/var/cache/apt/archives/hostname_3.23+nmu1_amd64.deb';
      const left = artifact.cleanup.map(
        (one: { line: number; outcome: string; residue: { name: string; allocated: number }[] }) => [
          one.line,
          one.outcome,
          one.residue.map((each) => `${each.name} ${each.allocated}`),
        ],
      );
      expect(left).toEqual([
        [4, 'residue', [`${deb} ${expected.files[deb]![2]}`]],
        [5, 'residue', ['/var/lib/apt/lists/partial 4096', '/var/lib/apt/lists/lock 0']],
        [3, 'clean', []],
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
