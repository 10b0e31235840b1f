/** The whole way, over the real system of test/fixtures/debian-mini; what is expected was said by other tools. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { fixtureExpected, fixturePath } from '../support/fixtures.ts';

/** kind, size, allocated, links, owner */
type ExpectedFile = [string, number, number, number, string | null];

interface Expected {
  artifact: { fileSize: number; virtualSize: number };
  partitions: { start: number; size: number; type: string; uuid: string; name: string }[];
  root: Record<'type' | 'uuid' | 'label', string> &
    Record<'blockSize' | 'blocks' | 'freeBlocks' | 'inodes', number>;
  esp: Record<'type' | 'uuid' | 'label', string>;
  packages: {
    name: string;
    version: string;
    architecture: string;
    state: string;
    installedSize: number | null;
    essential: boolean;
    section: string;
    priority: string;
    source: string;
    automatic: boolean;
    paths: number;
    allocated: number;
  }[];
  files: Record<string, ExpectedFile>;
}

const expected = fixtureExpected<Expected>('debian-mini');
const PATH = fixturePath('debian-mini/debian-mini.qcow2');

describe('debian-mini', () => {
  let image: Inspection;
  let codes: string[];

  beforeAll(async () => {
    const log = new DiagnosticLog();
    image = await inspect(PATH, new RunContext({ log, threads: 2 }), { drivers: createRegistry() });
    codes = log.list().map(({ code }) => code);
  });
  afterAll(() => image.close());

  it('is read completely, without a word of warning', () => {
    expect(codes).toEqual([]);
    expect(image.isComplete).toBe(true);
    expect(Object.isFrozen(image)).toBe(true);
    expect(Object.isFrozen(image.packages)).toBe(true);
  });

  it('is the artifact that qemu-img sees', () => {
    expect(image.artifact).toMatchObject({
      path: PATH,
      format: 'qcow2',
      fileSize: expected.artifact.fileSize,
      virtualSize: expected.artifact.virtualSize,
      backing: [],
    });
    expect(image.artifact.formatDetails).toMatchObject({ sectorSize: 512, compressionType: 'zstd' });
  });

  it('has the partitions of sfdisk', () => {
    const found = image.partitions.map(({ volume, parent, index, scheme, where, ...one }) => one);
    expect(
      found.map((one) => ({ ...one, type: one.type.toLowerCase(), uuid: one.uuid?.toLowerCase() })),
    ).toEqual(expected.partitions);
    expect(image.partitions.map(({ index, scheme }) => `${scheme} ${index}`)).toEqual([
      'gpt 1',
      'gpt 2',
      'gpt 3',
    ]);
    expect(image.partitions.map(({ volume, parent }) => [volume, parent])).toEqual([
      ...[
        ['p1', null],
        ['p2', null],
        ['p3', null],
      ],
    ]);
  });

  it('has the filesystems of blkid, used as dumpe2fs counts, mounted by fstab', () => {
    const { root, esp } = expected;
    expect(image.filesystems).toMatchObject([
      { ...esp, partition: 1, mountPoint: '/boot/efi', state: 'clean', start: 1 << 20 },
      {
        type: root.type,
        uuid: root.uuid,
        label: root.label,
        partition: 2,
        mountPoint: '/',
        state: 'clean',
        size: root.blocks * root.blockSize,
        used: (root.blocks - root.freeBlocks) * root.blockSize,
        unusedBytes: root.freeBlocks * root.blockSize,
      },
    ]);
    expect(image.filesystems[1]!.unused!.total).toBe(root.freeBlocks * root.blockSize);
  });

  it('accounts for every byte of the disk: volumes, tables, boot code, gaps', () => {
    const kinds = image.regions.map(({ kind, partition }) => `${kind} ${partition}`);
    expect(kinds).toContain('boot 0');
    expect(new Set(kinds)).toEqual(new Set(['table null', 'gap null', 'boot 0']));
    const volumes = image.filesystems.reduce((sum, one) => sum + one.source.size, 0);
    const regions = image.regions.reduce((sum, { ranges }) => sum + ranges.total, 0);
    expect(volumes + regions).toBe(image.artifact.virtualSize);
    const [whole] = image.filesystems[1]!.toDisk({ start: 0, end: 4096 });
    expect(whole).toEqual({ start: 3 << 20, end: (3 << 20) + 4096 });
  });

  it('is the Debian that its os-release says', () => {
    expect(image.os).toMatchObject({ id: 'debian', versionId: '12', architecture: 'x86_64' });
  });

  it('has every path of debugfs, with its kind, size, blocks and links', () => {
    const kinds: Record<number, string> = {
      [FILE_TYPE.file]: 'regular',
      [FILE_TYPE.directory]: 'directory',
      [FILE_TYPE.symlink]: 'symlink',
    };
    const { table } = image;
    const found: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    for (let entry = 0; entry < table.count; entry++) {
      if (
        image.filesystemOf(entry) !== 1 ||
        image.pathOf(entry) === '/' ||
        image.pathOf(entry) === '/lost+found'
      )
        continue;
      const kind = kinds[table.type[entry]!];
      found[image.pathOf(entry)] = [kind, table.size[entry], table.allocated[entry], table.links[entry]];
    }
    for (const [path, [kind, size, allocated, links]] of Object.entries(expected.files)) {
      wanted[path] = [kind, size, allocated, links];
    }
    expect(found).toEqual(wanted);
  });

  it('has the packages of dpkg-query, with the marks of apt', () => {
    const found = image.packages.map((one) => ({
      name: one.name,
      version: one.version,
      architecture: one.architecture,
      state: one.state ?? 'installed',
      installedSize: one.installedSize,
      essential: one.essential,
      section: one.section,
      priority: one.priority,
      source: one.source ?? one.name,
      automatic: one.automatic,
      paths: one.entries.filter((entry) => entry !== image.root!.lookup('/')).length,
      allocated: one.entries.reduce(
        (sum, entry) => sum + (image.table.isDirectory(entry) ? 0 : image.table.allocated[entry]!),
        0,
      ),
    }));
    expect(found).toEqual(expected.packages);
    expect(found.map(({ state }) => state)).toContain('config-files');
  });

  it('knows the owner of every file as dpkg-query does', () => {
    const found: Record<string, string | null> = {};
    const wanted: Record<string, string | null> = {};
    for (const [path, [kind, , , , owner]] of Object.entries(expected.files)) {
      if (kind === 'directory') continue;
      wanted[path] = owner;
      found[path] = image.packages[image.owner[image.root!.lookup(path, false)]!]?.name ?? null;
    }
    expect(found).toEqual(wanted);
    expect(Object.values(found).filter((owner) => owner !== null).length).toBeGreaterThan(150);
  });

  it('reads files of both filesystems through the one tree', async () => {
    const text = async (path: string) => Buffer.from((await image.root!.read(path)) ?? []).toString();
    expect(await text('/etc/hostname')).toBe('debian-mini\n');
    expect(await text('/boot/efi/EFI/debian/grub.cfg')).toContain(expected.root.uuid);
    expect(await image.root!.read('/boot/efi/EFI')).toBeUndefined();
  });
});

it('the fixture is small', () => {
  expect(readFileSync(join(PATH)).length).toBeLessThan(8 << 20);
});
