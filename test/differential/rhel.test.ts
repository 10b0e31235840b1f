/**
 * A disk as Red Hat's installer lays it out (GPT, /boot, LVM2, XFS, rpm's Berkeley DB), from the table down to the packages
 * and out again smaller: what the kernel's guest read is what is read here, and what xfs_repair checks.
 */
import { createHash } from 'node:crypto';
import { openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { EXPECTED, sectorsOf } from '../disk/volumes/lvm2/expected.ts';
import { FIXTURES, fixturePath } from '../support/fixtures.ts';
import { run } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { contentOf, filesOf } from '../support/volumes.ts';

const IMAGE = fixturePath('lvm2/rhel.qcow2');
const PV_START = 10240 * 512;
const folder = temporaryFolder();
const EL8 = JSON.parse(readFileSync(join(FIXTURES, 'rpm', 'el8', 'expected.json'), 'utf8')) as {
  name: string;
  version: string;
  files: string[];
};

const open = (path: string) =>
  inspect(path, new RunContext({ log: new DiagnosticLog() }), { drivers: createRegistry() });

async function hashes(path: string): Promise<Record<string, string>> {
  const found = await open(path);
  const result: Record<string, string> = {};
  for (const [name, entry] of filesOf(found.table)) {
    const one = found.filesystems[found.filesystemOf(entry)]!;
    if (one.type !== 'xfs') continue;
    const content = await contentOf(await one.filesystem!.open(found.table.inode[entry]!));
    result[`root:${name}`] = createHash('sha256').update(content).digest('hex');
  }
  await found.close();
  return result;
}

/** The root's logical volume as a file, cut out of a raw disk by dmsetup's table. */
function cutRoot(disk: string, path: string): void {
  const places = sectorsOf(EXPECTED.rhel.table, 'rhel_host--1-root');
  const file = openSync(disk, 'r');
  const pieces: Buffer[] = [];
  for (let i = 0; i < places.length; ) {
    let end = i + 1;
    while (end < places.length && places[end]![1] === places[i]![1] + end - i) end++;
    const piece = Buffer.alloc((end - i) * 512);
    readSync(file, piece, 0, piece.length, PV_START + places[i]![1] * 512);
    pieces.push(piece);
    i = end;
  }
  writeFileSync(path, Buffer.concat(pieces));
}

describeWithTools(['xfs_repair', 'qemu-img'], 'GPT, LVM2, XFS and rpm', () => {
  test('are read to the files that the kernel read, and to the package', async () => {
    const found = await open(IMAGE);
    expect(found.diagnostics.filter(({ severity }) => severity !== 'info')).toEqual([]);
    expect(
      found.filesystems.map(({ type, label, mountPoint, where }) => [
        type,
        label,
        mountPoint,
        where.slice(1).join(' > '),
      ]),
    ).toEqual([
      ['ext4', 'boot', '/boot', 'gpt > 1 > ext4'],
      ['swap', null, null, 'lvm2 > rhel_host-1 > swap > swap'],
      ['xfs', 'root', '/', 'lvm2 > rhel_host-1 > root > xfs'],
    ]);
    expect(found.os).toMatchObject({ id: 'rhel', versionId: '8.9' });
    expect(found.packages.map(({ name, version }) => [name, version])).toEqual([[EL8.name, EL8.version]]);
    const owned = [...found.owner].flatMap((owner, entry) => (owner === 0 ? [found.pathOf(entry)] : []));
    expect(owned.length).toBeGreaterThan(2);
    for (const path of owned) expect(EL8.files).toContain(path);
    await found.close();
    expect(await hashes(IMAGE)).toEqual(EXPECTED.rhel.files);
  });

  test('optimize drops free extents and the unused blocks of XFS, and nothing else', async () => {
    const small = join(folder, 'small.qcow2');
    await run(IMAGE, small, { to: 'qcow2' });
    const raw = join(folder, 'small.raw');
    await runTool('qemu-img', ['convert', '-O', 'raw', small, raw]);
    expect(await hashes(raw)).toEqual(EXPECTED.rhel.files);
    const root = join(folder, 'root.xfs');
    cutRoot(raw, root);
    await runTool('xfs_repair', ['-n', '-f', root]);
    const before = join(folder, 'before.raw');
    await runTool('qemu-img', ['convert', '-O', 'raw', IMAGE, before]);
    const [old, now] = [readFileSync(before), readFileSync(raw)];
    for (const gone of ['5020000\n', '6010000\n']) {
      expect(old.includes(gone), gone).toBe(true);
      expect(now.includes(gone), gone).toBe(false);
    }
  });
});
