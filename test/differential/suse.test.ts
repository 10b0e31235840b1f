/**
 * A disk as openSUSE lays it out (GPT, ESP, btrfs with subvolumes and snapper's snapshots, rpm's NDB), out again
 * smaller: btrfs check finds every checksum right, every file keeps its content. What subvolumes hold alone, in any
 * company, is what `btrfs check --subvol-extents` says extent by extent.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { openBtrfs } from '../support/btrfs.ts';
import { fixturePath } from '../support/fixtures.ts';
import { carve, run } from '../support/optimize.ts';
import { SUSE_BTRFS, SUSE_PATH, suseExpected } from '../support/suse.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { contentOf } from '../support/volumes.ts';

const folder = temporaryFolder();
const expected = suseExpected();

/** Contents as the guest names them. */
async function hashes(path: string): Promise<Record<string, string>> {
  const image = await inspect(path, new RunContext({ log: new DiagnosticLog(), threads: 2 }), {
    drivers: createRegistry(),
  });
  expect(image.diagnostics).toEqual([]);
  const entries = new Map<string, number>();
  for (let entry = 0; entry < image.table.count; entry++) entries.set(image.pathOf(entry).slice(1), entry);
  const sums: Record<string, string> = {};
  for (const name of Object.keys(expected.guest.sums)) {
    const entry = entries.get(name)!;
    const source = await image.filesystems[image.filesystemOf(entry)]!.filesystem!.open(
      image.table.inode[entry]!,
    );
    sums[name] = createHash('sha256')
      .update(await contentOf(source))
      .digest('hex');
  }
  await image.close();
  return sums;
}

/** By address: length and who refers to it, of all extents that a subvolume refers to. */
async function extentsOf(image: string, id: number): Promise<Map<number, [number, Set<number>]>> {
  const stdout = await runTool('btrfs', ['check', '--subvol-extents', String(id), image]);
  const found = new Map<number, [number, Set<number>]>();
  for (const line of stdout.split('\n')) {
    const row = /^(\d+)\t+(\d+)\t+\d+\t+((?:\d+ )+)$/.exec(line);
    if (row === null) continue;
    found.set(Number(row[1]), [Number(row[2]), new Set(row[3]!.trim().split(' ').map(Number))]);
  }
  return found;
}

describeWithTools(['btrfs', 'qemu-img'], 'GPT, btrfs and rpm', () => {
  test.each(['raw', 'qcow2'] as const)(
    'optimize to %s drops what is unused, and nothing else',
    async (to) => {
      const small = join(folder, `small.${to}`);
      await run(SUSE_PATH, small, { to });
      const raw = join(folder, `from-${to}.raw`);
      await runTool('qemu-img', ['convert', '-O', 'raw', small, raw]);
      const partition = carve(raw, SUSE_BTRFS.start, SUSE_BTRFS.size, join(folder, `${to}.btrfs`));
      await runTool('btrfs', ['check', '--check-data-csum', partition]);
      expect(await hashes(small)).toEqual(expected.guest.sums);
      // What the guest wrote and removed again, and what only snapshots have kept.
      const [before, after] = [readFileSync(SUSE_PATH), readFileSync(raw)];
      expect(before.includes('stal00000262144\n')).toBe(true);
      expect(after.includes('stal00000262144\n')).toBe(false);
      expect(after.includes('gone00000131072\n')).toBe(true);
    },
  );

  test.each([
    ['subvolumes', fixturePath('btrfs/subvolumes.img')],
    ['suse', null],
  ])(
    '%s: what any subvolumes hold alone is what btrfs check counts',
    async (_, path) => {
      const image = path ?? carve(SUSE_PATH, SUSE_BTRFS.start, SUSE_BTRFS.size, join(folder, 'suse.btrfs'));
      const { filesystem } = await openBtrfs(memorySource(readFileSync(image)));
      const ids = filesystem.subvolumes!().map(({ id }) => id);
      const all = new Map<number, [number, Set<number>]>();
      // It lists the tree's own nodes as well: those are what lies in no file's extent.
      const stdout = await runTool('btrfs', ['inspect-internal', 'dump-tree', '-t', 'extent', image]);
      const data = new Set(
        [...stdout.matchAll(/key \((\d+) EXTENT_ITEM \d+\)[^\n]*\n\s*refs \d+ gen \d+ flags DATA/g)].map(
          ([, address]) => Number(address),
        ),
      );
      expect(data.size).toBeGreaterThan(5);
      for (const id of ids) {
        for (const [address, one] of await extentsOf(image, id)) if (data.has(address)) all.set(address, one);
      }
      // All pairs and all triples in a row, from nothing to everything.
      const asked = ids.flatMap((id, at) => [
        [id],
        ids.slice(at, at + 2),
        ids.slice(at, at + 3),
        ids.slice(at),
      ]);
      for (const some of [[], ...asked]) {
        const inside = new Set(some);
        let bytes = 0;
        for (const [length, roots] of all.values()) {
          if ([...roots].every((one) => inside.has(one))) bytes += length;
        }
        expect({ some, bytes: filesystem.exclusiveTo!(some) }).toEqual({ some, bytes });
      }
    },
    60_000,
  );
});
