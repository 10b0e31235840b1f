import { describe, expect, test } from 'vitest';
import { analyzePackages } from '../../src/analyzers/packages.ts';
import { REMOVAL_RULES } from '../../src/analyzers/rules/index.ts';
import { pathInTree, treeOfInspection, treeOfReport } from '../../src/analyzers/size-tree.ts';
import { prepareRules, suggest } from '../../src/analyzers/suggest.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import { removalFromImage, removalFromReport } from '../../src/explore/removal.ts';
import type { Marks } from '../../src/explore/state.ts';
import { blocks, guest } from '../analyzers/rules/support.ts';
import { inspectedSubvolumes } from '../inspect/fake-filesystem.ts';
import { sampleReport } from '../reporters/sample.ts';

const OPTIONS = { artifact: 'disk.raw', version: '1' };
const marksOf = (marks: { directories?: number[]; packages?: number[]; suggestions?: number[] }): Marks => ({
  directories: new Set(marks.directories),
  packages: new Set(marks.packages),
  suggestions: new Set(marks.suggestions),
});

describe('with subvolumes', async () => {
  const inspection = await inspectedSubvolumes(
    {
      '/@/etc/os-release': 'ID=x\n',
      '/@/etc/passwd': '',
      '/@/etc/fstab': 'UUID=aa / fake subvol=@\nUUID=aa /home fake subvol=@home\n',
      '/@/usr/bin/x': 'x',
      '/@home/user/big': 'x'.repeat(5000),
      '/kept/etc/passwd': '',
      '/attic/old': 'old',
    },
    { '@': {}, '@home': {}, kept: { parentUuid: 'uuid-@', isReadOnly: true } },
  );
  const run = await prepareRules(inspection);
  const tree = treeOfInspection(inspection);
  const removal = removalFromImage(run, sampleReport, [], tree, OPTIONS, async () => {
    throw new Error('is not sampled');
  });
  const nodes = new Map(Array.from({ length: tree.count }, (_, at) => [pathInTree(tree, at), at]));
  const refusal = (path: string) => removal.refusal('directories', nodes.get(path)!);

  test('what is mounted is emptied, not removed; a snapshot goes by its own suggestion', async () => {
    expect(refusal('/usr')).toBeNull();
    expect(refusal('/home')).toBeNull();
    expect(refusal('/[filesystem 0]/kept')).toMatch(/^is or holds a snapshot/);
    expect(refusal('/[filesystem 0]')).toMatch(/^is or holds a snapshot/);
    expect(refusal('/[filesystem 0]/attic')).toBeNull();
    const marks = marksOf({ directories: [nodes.get('/home')!, nodes.get('/[filesystem 0]/attic')!] });
    const text = await removal.script(marks, 'shell');
    expect(text).toContain('find /home -xdev -mindepth 1 -delete');
    expect(text).not.toMatch(/rm .*attic/);
    expect((await removal.predict(marks)).left).toBe(1);
  });
});

describe('with an image', async () => {
  const inspection = guest(
    {
      '/usr/bin/tool': 20_000,
      '/usr/lib/libtool.so': 90_000,
      '/usr/bin/front': 5000,
      '/usr/bin/init': 5000,
      '/srv/data/a': 70_000,
      "/srv/it's \u{1F4BE}": 30_000,
      '/var/log/syslog': 9000,
      '/boot/vmlinuz-6.1.0-1': 80_000,
    },
    [
      { name: 'front', requires: ['tool'], paths: ['/usr/bin/front'] },
      { name: 'tool', requires: ['libtool'], paths: ['/usr/bin/tool'] },
      { name: 'libtool', automatic: true, paths: ['/usr/lib/libtool.so'] },
      { name: 'init', essential: true, requires: ['libc'], paths: ['/usr/bin/init'] },
      { name: 'libc', paths: [] },
    ],
  ) as Inspection;
  const run = await prepareRules(inspection);
  const resolved = await suggest(run, REMOVAL_RULES);
  const report: Report = {
    ...sampleReport,
    packages: analyzePackages(inspection),
    suggestions: resolved.map(({ suggestion }) => suggestion),
  };
  const tree = treeOfInspection(inspection);
  const removal = removalFromImage(run, report, resolved, tree, OPTIONS, async (taken) => {
    const bytes = taken.reduce((sum, one) => sum + one.bytes, 0);
    return {
      before: { uncompressed: 0, compressed: 0 },
      after: { uncompressed: bytes, compressed: 0 },
      error: 0,
      sampled: 0,
    };
  });
  const node = (path: string): number => {
    for (let at = 0; at < tree.count; at++) if (pathInTree(tree, at) === path) return at;
    throw new Error(path);
  };
  const named = (name: string): number => report.packages.findIndex((one) => one.name === name);
  const logs = report.suggestions.findIndex(({ rule }) => rule === 'logs');

  test('a package takes along what requires it and what only those kept', async () => {
    const { content } = await removal.predict(marksOf({ packages: [named('tool')] }));
    expect(content).toBe(blocks(20_000, 5000, 90_000));
    expect(removal.alongWith(named('tool')).map((index) => report.packages[index]!.name)).toEqual(['front']);
  });

  test('no byte goes twice', async () => {
    const all = marksOf({
      directories: [node('/usr/bin/tool'), node('/srv/data'), node('/var/log/syslog')],
      packages: [named('tool'), named('front')],
      suggestions: [logs],
    });
    const { content, isUpperBound } = await removal.predict(all);
    // /srv/data has a block of its own.
    expect(content).toBe(blocks(20_000, 5000, 90_000, 70_000, 9000) + 4096);
    expect(isUpperBound).toBe(false);
  });

  test('what is measured is what goes', async () => {
    const marks = marksOf({
      directories: [node('/srv/data'), node('/usr/bin/tool')],
      packages: [named('tool')],
    });
    const { after } = await removal.measure!(marks);
    expect(after.uncompressed).toBe(blocks(20_000, 5000, 90_000, 70_000) + 4096);
  });

  test('what the machine needs cannot be marked', () => {
    expect(removal.refusal('packages', named('libc'))).toBe('cannot go: the machine needs init, libc');
    expect(removal.refusal('packages', named('tool'))).toBeNull();
    for (const path of ['/', '/boot', '/boot/vmlinuz-6.1.0-1']) {
      expect(removal.refusal('directories', node(path))).toMatch(/kernel|all there is/);
    }
    expect(removal.refusal('directories', node('/srv'))).toBeNull();
  });

  test('the script does what was marked, with names quoted', async () => {
    const marks = marksOf({
      directories: [node("/srv/it's \u{1F4BE}")],
      packages: [named('tool')],
      suggestions: [logs],
    });
    const script = await removal.script(marks, 'shell');
    expect(script).toContain("rm -rf '/srv/it'\\''s \u{1F4BE}'\n");
    expect(script).toContain('remove_dpkg front:amd64 libtool:amd64 tool:amd64');
    expect(script).toContain('truncate -s 0');
    expect(await removal.script(marks, 'packer')).toContain('provisioner "shell"');
    expect(await removal.script(marks, 'ansible')).toContain('ansible.builtin.apt:');
  });
});

describe('with a saved report', () => {
  const [kernel, libc] = sampleReport.packages;
  const report: Report = {
    ...sampleReport,
    packages: [
      { ...kernel!, name: 'tool', allocated: 500, requiredBy: ['front'] },
      { ...libc!, name: 'front', allocated: null, installedSize: 70, requiredBy: [] },
      { ...libc!, name: 'other', allocated: 30, requiredBy: [] },
    ],
  };
  const tree = treeOfReport(report);
  const removal = removalFromReport(report, tree, OPTIONS);

  test('one list adds up; several are a bound, and are said to be', async () => {
    expect(await removal.predict(marksOf({ packages: [0, 1] }))).toEqual({
      content: 570,
      artifact: 0,
      isUpperBound: false,
      left: 0,
    });
    const both = await removal.predict(marksOf({ packages: [2], suggestions: [0] }));
    expect(both).toMatchObject({ content: 30 + report.suggestions[0]!.reclaimable, isUpperBound: true });
  });

  test('writes the commands that it knows', async () => {
    const script = await removal.script(marksOf({ packages: [0], suggestions: [0] }), 'shell');
    expect(script).toContain('apt-get -y purge front:amd64 tool:amd64');
    expect(script).toContain('rm -rf /var/lib/apt/lists/*');
  });
});
