/** The dependency graph against apt's own solver, and version order against dpkg and rpm. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { aptNeverRemoves } from '../../src/analyzers/apt.ts';
import { DependencyGraph } from '../../src/analyzers/graph.ts';
import { compareDpkg, compareRpm } from '../../src/analyzers/versions.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Package } from '../../src/core/contracts/package.ts';
import type { GuestFiles } from '../../src/core/contracts/rule.ts';
import { dpkgPackages } from '../../src/packages/dpkg/dpkg.ts';
import { memoryRoot } from '../support/folder-root.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const FIXTURE = join(import.meta.dirname, '../fixtures/dpkg-graph');
const unpack = (name: string): Buffer => zstdDecompressSync(readFileSync(join(FIXTURE, `${name}.zst`)));

/** Automatic marks of every third package that has a requirer: more for autoremove to find. */
function states(packages: readonly Package[], seed: number): string {
  return packages
    .filter((one, index) => one.automatic === true || (index * 7 + seed) % 5 === 0)
    .map((one) => `Package: ${one.name}\nArchitecture: amd64\nAuto-Installed: 1\n\n`)
    .join('');
}

describeWithTools(['apt-get', 'dpkg'], 'package graph: apt', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-apt-'));
  const status = unpack('status');
  const noFiles = { glob: () => [] } as unknown as GuestFiles;
  let original: Package[];

  const read = (extended: string | Uint8Array): Promise<Package[]> =>
    dpkgPackages.read(
      memoryRoot({ '/var/lib/dpkg/status': status, '/var/lib/apt/extended_states': extended }),
      new RunContext({ log: new DiagnosticLog() }),
    );
  const graphOf = async (packages: Package[]): Promise<DependencyGraph> =>
    new DependencyGraph(packages, { never: await aptNeverRemoves(packages, noFiles) });

  async function removed(...args: string[]): Promise<string[]> {
    const options = [
      `Dir=${folder}`,
      `Dir::State::status=${folder}/var/lib/dpkg/status`,
      'APT::Architecture=amd64',
      'APT::Architectures=amd64',
      'Debug::NoLocking=1',
      'APT::Get::AllowUnauthenticated=1',
      'APT::AutoRemove::SuggestsImportant=true',
      'APT::NeverAutoRemove::=^firmware-linux.*',
      'APT::NeverAutoRemove::=^linux-image-[a-z0-9]*$',
      'APT::NeverAutoRemove::=^linux-image-[a-z0-9]*-[a-z0-9]*$',
    ].flatMap((option) => ['-o', option]);
    const text = await runTool('apt-get', ['-s', ...options, '-y', '--allow-remove-essential', ...args]);
    return [...text.matchAll(/^Remv (\S+)/gm)].map((match) => match[1]!.replace(/:.*/, '')).sort();
  }

  function write(extended: string | Uint8Array): void {
    for (const path of [
      'var/lib/dpkg',
      'var/lib/apt/lists/partial',
      'var/cache/apt/archives/partial',
      'etc/apt/apt.conf.d',
      'etc/apt/preferences.d',
      'var/log/apt',
    ]) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    writeFileSync(join(folder, 'var/lib/dpkg/status'), status);
    writeFileSync(join(folder, 'var/lib/apt/extended_states'), extended);
  }

  beforeAll(async () => {
    original = await read(unpack('extended_states'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('finds the packages that apt-get autoremove finds, for several sets of automatic packages', async () => {
    for (const seed of [0, 1, 2, 3, 4]) {
      const extended = states(original, seed);
      write(extended);
      const packages = await read(extended);
      const graph = await graphOf(packages);
      const mine = graph.unneeded.map((index) => packages[index]!.name).sort();
      expect(mine.length).toBeGreaterThan(0);
      expect(mine, `seed ${seed}`).toEqual(await removed('autoremove'));
    }
  });

  it('finds what must leave with a package, as apt-get remove', async () => {
    write(unpack('extended_states'));
    const graph = await graphOf(original);
    const asked = original.filter((one, index) => !one.essential && index % 6 === 0);
    let compared = 0;
    for (const { name } of asked) {
      const mine = graph.dependents(graph.find(name)).map((index) => original[index]!.name);
      // Essential packages among them: apt refuses, or needs more words than it is worth.
      if (graph.dependents(graph.find(name)).some((index) => original[index]!.essential)) continue;
      // apt also gives up on what breaks too much.
      const theirs = await removed('remove', name).catch(() => undefined);
      if (theirs === undefined) continue;
      compared++;
      expect(mine.sort(), name).toEqual(theirs);
    }
    expect(compared).toBeGreaterThan(30);
  });

  it('finds what only a package kept, as apt-get remove --auto-remove', async () => {
    write(unpack('extended_states'));
    const graph = await graphOf(original);
    const before = new Set(graph.unneeded);
    let beyond = 0;
    for (const name of [
      'git',
      'build-essential',
      'gcc',
      'vim',
      'python3-pip',
      'reportbug',
      'curl',
      'man-db',
      'openssh-server',
    ]) {
      const dependents = graph.dependents(graph.find(name));
      const plan = graph.plan(dependents);
      const mine = [...new Set([...plan, ...before])].map((index) => original[index]!.name).sort();
      beyond += plan.length - dependents.length;
      expect(mine, name).toEqual(await removed('remove', '--auto-remove', name));
    }
    expect(beyond).toBeGreaterThan(10);
  });

  it('orders versions as dpkg does', () => {
    const versions = [
      '1',
      '1.0',
      '1.0-1',
      '1.0-2',
      '1.0~rc1',
      '1.0~',
      '1.0+b1',
      '1:0.9',
      '1.0a',
      '1.0.1',
      '1.10',
      '1.9',
      '2.0~~',
      '2.0~a',
      '0:1.0',
      '1.0-1+deb12u1',
      '1.0-1~bpo12+1',
      '007',
      '7',
      '1.2.3-4.5',
      'a',
      '1.0A',
      '1.0-0',
      '1.0-00',
      '12345678901234567890',
      '12345678901234567891',
      ...original.slice(0, 12).map(({ version }) => version),
    ];
    for (const [i, a] of versions.entries()) {
      for (const b of versions.slice(i, i + 9)) {
        const relation = compareDpkg(a, b) < 0 ? 'lt' : compareDpkg(a, b) > 0 ? 'gt' : 'eq';
        expect(
          () => runToolSync('dpkg', ['--compare-versions', a, relation, b]),
          `${a} ${relation} ${b}`,
        ).not.toThrow();
      }
    }
  });
});

describeWithTools(['rpm'], 'package graph: rpm', () => {
  it('orders versions as rpm does', () => {
    const versions = [
      '1',
      '1.0',
      '1.0-1',
      '1.0~rc1',
      '1.0^git1',
      '1.0^',
      '1.0~',
      '1.0~rc1^git1',
      '1:0.9',
      '1.0a',
      '1.0.a',
      '1.a',
      '1.10',
      '1.9',
      '1.05',
      '1.5',
      '1_0',
      '10xyz',
      '10abc',
      '2.50',
      '2.5',
      'fc4',
      'fc.4',
      'FC5',
      '1.0.1',
      '5.5p1',
      '5.5p10',
      '6.5p1',
      '1.0^20160101',
      '1.0^20160102',
      '1.0~rc1^',
      'xyz.4',
      '8',
      'a',
      'A',
    ];
    const pairs = versions
      .flatMap((a) => versions.map((b) => [a, b] as const))
      // A dependency without a release means any; rpm.vercmp calls that older.
      .filter(([a, b]) => a.includes('-') === b.includes('-'));
    const script = pairs.map(([a, b]) => `print(rpm.vercmp("${a}", "${b}") .. ",")`).join(' ');
    const text = runToolSync('rpm', ['--eval', `%{lua: ${script}}`]).toString();
    const theirs = text
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '')
      .map(Number);
    expect(theirs).toHaveLength(pairs.length);
    pairs.forEach(([a, b], index) => {
      expect(Math.sign(compareRpm(a, b)), `${a} ${b}`).toBe(theirs[index]! + 0);
    });
  });
});
