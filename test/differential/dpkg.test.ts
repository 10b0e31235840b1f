/**
 * dpkg against dpkg-query, over the Debian of test/fixtures/debian-mini as other tools see it: qemu-img unpacks the
 * image, debugfs the tree. Compared are packages, fields, dependencies and the owner of every path. Another image
 * with a dpkg system in ext4 can be named in IMGOPT_TEST_DPKG_IMAGE (raw) with its tree in IMGOPT_TEST_DPKG_TREE.
 */
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { ownersByPath } from '../support/dpkg-query.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const FIELDS = [
  'Package',
  'Architecture',
  'Version',
  'db:Status-Status',
  'Installed-Size',
  'Essential',
  'Protected',
  'Section',
  'Priority',
  'source:Package',
  'Pre-Depends',
  'Depends',
  'Provides',
] as const;

/** Names of a relationship field, by way of its own: versions and qualifiers cut off, empty parts dropped. */
function names(field: string): string[][] {
  return field
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => part.split('|').map((one) => /^[^\s(:]+/.exec(one.trim())![0]));
}

describeWithTools(['qemu-img', 'debugfs', 'dpkg-query', 'sfdisk', 'dd'], 'dpkg-query', () => {
  const folder = temporaryFolder();
  const image = process.env['IMGOPT_TEST_DPKG_IMAGE'] ?? fixturePath('debian-mini/debian-mini.qcow2');
  let tree = process.env['IMGOPT_TEST_DPKG_TREE'] ?? '';
  let inspection: Inspection;

  beforeAll(async () => {
    if (tree === '') {
      tree = join(folder, 'tree');
      const raw = join(folder, 'disk.raw');
      await runTool('qemu-img', ['convert', '-O', 'raw', image, raw]);
      const table = JSON.parse(await runTool('sfdisk', ['-J', raw])) as {
        partitiontable: { partitions: { start: number; size: number; name: string }[] };
      };
      const { start, size } = table.partitiontable.partitions.find(({ name }) => name === 'root')!;
      const root = join(folder, 'root.ext4');
      await runTool('dd', [
        `if=${raw}`,
        `of=${root}`,
        'bs=512',
        `skip=${start}`,
        `count=${size}`,
        'status=none',
      ]);
      mkdirSync(tree);
      await runTool('debugfs', ['-R', `rdump / ${tree}`, root]);
    }
    tree = realpathSync(tree);
    const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });
    inspection = await inspect(image, context, { drivers: createRegistry() });
    return () => inspection.close();
  });

  const query = (args: readonly string[]) =>
    runTool('dpkg-query', [`--admindir=${tree}/var/lib/dpkg`, ...args]);

  it('agrees on every package and field', async () => {
    // \x1f and \x1e: no field holds them.
    const format = `${FIELDS.map((field) => `\${${field}}`).join('\x1f')}\x1e`;
    const wanted = (await query(['-W', '-f', format]))
      .split('\x1e')
      .filter((line) => line !== '')
      .map((line) => {
        const values = line.split('\x1f');
        const [name, architecture, version, state, size, essential, isProtected, section, priority, source] =
          values;
        return {
          name,
          architecture,
          version,
          state,
          installedSize: size === '' || state === 'config-files' ? null : Number(size) * 1024,
          essential: essential === 'yes' || isProtected === 'yes',
          section: section === '' ? null : section,
          priority: priority === '' ? null : priority,
          source,
          requires: [...names(values[10]!), ...names(values[11]!)],
          provides: names(values[12]!).flat(),
        };
      })
      .sort((a, b) => (`${a.name} ${a.architecture}` < `${b.name} ${b.architecture}` ? -1 : 1));
    const found = inspection.packages.map((one) => ({
      name: one.name,
      architecture: one.architecture,
      version: one.version,
      state: one.state ?? 'installed',
      installedSize: one.installedSize,
      essential: one.essential,
      section: one.section,
      priority: one.priority,
      source: one.source ?? one.name,
      requires: one.requires,
      provides: one.provides,
    }));
    expect(found).toEqual(wanted);
    expect(found.length).toBeGreaterThan(20);
  });

  it('agrees on what apt installed automatically', () => {
    const automatic = new Set<string>();
    for (const paragraph of readFileSync(join(tree, 'var/lib/apt/extended_states'), 'utf8').split('\n\n')) {
      if (/^Auto-Installed: 1$/m.test(paragraph)) automatic.add(/^Package: (.*)$/m.exec(paragraph)![1]!);
    }
    const found = inspection.packages.filter((one) => one.automatic === true).map(({ name }) => name);
    expect(new Set(found)).toEqual(automatic);
    expect(inspection.packages.every((one) => one.automatic !== null)).toBe(true);
  });

  it('agrees on the owners of every path, folders included', async () => {
    const wanted = await ownersByPath(tree);
    const found = new Map<string, Set<string>>();
    for (const one of inspection.packages) {
      for (const entry of one.entries) {
        const owners = found.get(inspection.pathOf(entry)) ?? new Set();
        found.set(inspection.pathOf(entry), owners.add(`${one.name}:${one.architecture}`));
      }
    }
    expect(found.size).toBeGreaterThan(200);
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [path, owners] of wanted) expect(found.get(path), path).toEqual(owners);
  });
});
