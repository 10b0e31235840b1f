import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { treeOfInspection } from '../../src/analyzers/size-tree.ts';
import { snapshotOf } from '../../src/budgets/snapshot.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import type { Payload } from '../../src/reporters/html/app/payload.ts';
import { changesBetween } from '../../src/reporters/html/changes.ts';
import { packTree } from '../../src/reporters/html/pack-tree.ts';
import { htmlReporter, inertJson } from '../../src/reporters/html.ts';
import { fakeInspection } from '../analyzers/fake.ts';
import { plainOptions, rendered, sampleReport } from './sample.ts';

const MiB = 1024 * 1024;

describe('the page', () => {
  const hostile = '</script><img src=x onerror=alert(1)>\u2028<!--<script>';
  const report: Report = {
    ...sampleReport,
    artifact: { ...sampleReport.artifact, path: `/x/"><script>${hostile}` },
    files: [{ ...sampleReport.files[0]!, path: `/srv/${hostile}` }],
  };
  const page = rendered(htmlReporter.render(report, plainOptions));

  test('has two scripts and nothing that a name could have opened', () => {
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u2028');
    expect(page.match(/<title>.*<\/title>/)![0]).not.toMatch(/<script|<img/);
  });

  test('carries the data unchanged', () => {
    const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)![1]!;
    const payload = JSON.parse(json) as Payload;
    expect(payload.report.files[0]!.path).toBe(`/srv/${hostile}`);
    expect(payload.tree.names).toContain('script><img src=x onerror=alert(1)>\u2028<!--<script>');
  });

  test('allows its own script and style by their hashes, and nothing else', () => {
    const hashOf = (text: string): string => createHash('sha256').update(text).digest('base64');
    const script = /<script>(.*)<\/script>\n<\/body>/s.exec(page)![1]!;
    const style = /<style>(.*)<\/style>/s.exec(page)![1]!;
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      `script-src 'sha256-${hashOf(script)}'`,
      `style-src 'sha256-${hashOf(style)}'`,
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    expect(page).not.toMatch(/(?:src|href)="?https?:/);
  });

  test('the same report gives the same bytes', () => {
    expect(rendered(htmlReporter.render(report, plainOptions))).toBe(page);
  });

  test('JSON stays JSON', () => {
    expect(JSON.parse(inertJson({ a: '<&>\u2028\u2029' }))).toEqual({ a: '<&>\u2028\u2029' });
  });
});

describe('the tree in it', () => {
  const inspection = fakeInspection(
    [
      {
        mount: '/',
        files: [
          { path: '/usr/lib/big.so', size: 40_000 },
          { path: '/usr/share/doc/small', size: 5000 },
          { path: '/usr/share/doc/smaller', size: 100 },
          { path: '/var/log/syslog', size: 20_000 },
        ],
      },
    ],
    [{ name: 'big', paths: ['/usr/lib/big.so'] }],
  );
  const report = { ...sampleReport, packages: [{ ...sampleReport.packages[0]!, name: 'big', version: '1' }] };
  const tree = treeOfInspection(inspection);

  test('is whole when there is room', () => {
    const packed = packTree(tree, report, inspection);
    expect(packed.omitted).toBe(0);
    expect(packed.names).toHaveLength(tree.count);
    expect(packed.names[0]).toBe('/');
    expect(packed.unit).toBe(4096);
    // Seven directories (/, usr, lib, share, doc, var, log) have a block each; then the files.
    expect(packed.allocated[0]).toBe(7 + 10 + 2 + 1 + 5);
    expect(packed.package[packed.names.indexOf('big.so')]).toBe(0);
    expect(packed.package[packed.names.indexOf('syslog')]).toBe(-1);
  });

  test('keeps the largest, each with its directories, and loses no byte', () => {
    for (let most = 1; most <= tree.count; most++) {
      const packed = packTree(tree, report, inspection, most);
      expect(packed.names.length).toBeLessThanOrEqual(most);
      expect(packed.omitted).toBe(tree.count - packed.names.length);
      expect(packed.allocated[0]).toBe(25);
      const inner = packed.children.reduce((sum, count) => sum + Math.max(0, count), 0);
      expect(inner).toBe(packed.names.length - 1);
    }
    expect(packTree(tree, report, inspection, 4).names).toEqual(['/', 'usr', 'lib', 'big.so']);
  });

  test('knows the kind of most of a directory', () => {
    const packed = packTree(tree, report, inspection);
    const kindOf = (name: string): number => packed.kind[packed.names.indexOf(name)]!;
    expect(kindOf('usr')).toBe(kindOf('big.so'));
    expect(kindOf('var')).toBe(kindOf('syslog'));
    expect(kindOf('share')).toBe(kindOf('small'));
    expect(new Set([kindOf('usr'), kindOf('var'), kindOf('share')]).size).toBe(3);
  });
});

describe('changes', () => {
  const [kernel, libc] = sampleReport.packages;
  const before: Report = {
    ...sampleReport,
    artifact: { ...sampleReport.artifact, allocated: 1500 * MiB },
    packages: [
      { ...kernel!, version: '6.1.0', allocated: 300 * MiB },
      { ...libc!, name: 'gone', allocated: 5 * MiB },
    ],
    files: [{ ...sampleReport.files[0]!, allocated: 100 * MiB }],
  };
  const changes = changesBetween(
    snapshotOf(before, 'old.json', 'report'),
    snapshotOf(sampleReport, 'new.json', 'report'),
  );
  const rows = (title: string) => changes.groups.find((group) => group.title === title)?.rows;

  test('largest first, with what happened, in words', () => {
    expect(rows('Packages')?.map(({ name, status, detail, delta }) => [name, status, detail, delta])).toEqual(
      [
        [kernel!.name, 'upgraded', '6.1.0 → 6.1.76-1', 98 * MiB],
        ['libc6', 'added', '2.36-9+deb12u4', 13 * MiB],
        ['gone', 'removed', '2.36-9+deb12u4', -5 * MiB],
      ],
    );
    expect(rows('In all')?.map(({ name, delta }) => [name, delta])).toEqual([['allocated', 100 * MiB]]);
    expect(changes).toMatchObject({ baseline: 'old.json', allocated: [1500 * MiB, 1600 * MiB] });
  });

  test('what a cut list does not hold is never called new', () => {
    expect(rows('Files')?.map(({ status }) => status)).not.toContain('added');
    expect(rows('Files')?.[0]).toMatchObject({ before: 100 * MiB, after: 110 * MiB, delta: 10 * MiB });
  });

  test('nothing differs from itself', () => {
    const same = snapshotOf(sampleReport, 'same', 'report');
    expect(changesBetween(same, same).groups).toEqual([]);
  });
});
