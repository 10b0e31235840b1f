/** What stands where on a disk, with a made-up partition table and made-up filesystems: every case by itself. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { VolumeSystem } from '../../src/core/contracts/disk.ts';
import type { Filesystem, FilesystemDriver } from '../../src/core/contracts/filesystem.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import type { Drivers } from '../../src/core/contracts/registry.ts';
import { corrupt, ImgoptError, unsupported } from '../../src/core/errors.ts';
import { rawFormat } from '../../src/disk/formats/raw/raw.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { dpkgPackages } from '../../src/packages/dpkg/dpkg.ts';
import { createRegistry } from '../../src/registry.ts';
import { partitionOn } from '../../src/sources/partition.ts';
import { readBytes } from '../../src/sources/read.ts';
import { temporaryFolder } from '../support/temp.ts';
import { fakeDriver, fakeFilesystem } from './fake-filesystem.ts';

const KiB = 1024;
const folder = temporaryFolder();

/** `TABLE index,start,size,type;…` in KiB; `TABLE broken` throws. */
const tables: VolumeSystem = {
  name: 'table',
  probe: ({ head }) =>
    Buffer.from(head.subarray(0, 6)).toString() === 'TABLE '
      ? { certainty: 'certain', description: 'table' }
      : undefined,
  async open(source, context) {
    const text = Buffer.from(await readBytes(source, 0, 512))
      .toString()
      .replace(/\0.*$/s, '')
      .slice(6);
    if (text === 'broken') throw corrupt('TABLE_BROKEN', 'both copies are damaged');
    const volumes = text.split(';').flatMap((part) => {
      const [index, start, size, type] = part.split(',') as [string, string, string, string];
      const entry = {
        index: Number(index),
        type,
        name: null,
        uuid: `uuid-${index}`,
        start: Number(start) * KiB,
        size: Number(size) * KiB,
        isContainer: type === 'extended',
        attributes: [],
      };
      return partitionOn(source, entry, context) ?? [];
    });
    return {
      scheme: 'gpt',
      uuid: null,
      sectorSize: 512,
      volumes,
      tables: [{ start: 0, end: KiB }],
      unused: [],
    };
  },
};
/** Recognises `LVM`, a container, without reading it. */
const lvm: FilesystemDriver = {
  name: 'lvm',
  probe: ({ head }) =>
    Buffer.from(head.subarray(0, 3)).toString() === 'LVM'
      ? {
          certainty: 'certain',
          description: 'LVM',
          type: 'LVM2_member',
          usage: 'container',
          label: null,
          uuid: 'pv',
        }
      : undefined,
};
const swap: FilesystemDriver = {
  name: 'swap',
  probe: ({ head }) =>
    Buffer.from(head.subarray(0, 4)).toString() === 'SWAP'
      ? { certainty: 'certain', description: 'swap', type: 'swap', usage: 'swap', label: null, uuid: null }
      : undefined,
};

let number = 0;
/** A raw disk with texts at places (KiB). */
function disk(size: number, places: Readonly<Record<number, string | Uint8Array>>): string {
  const bytes = Buffer.alloc(size * KiB);
  for (const [at, content] of Object.entries(places))
    bytes.set(Buffer.from(content as string), Number(at) * KiB);
  const path = join(folder, `disk-${number++}.raw`);
  writeFileSync(path, bytes);
  return path;
}

async function run(path: string, filesystems: Readonly<Record<string, Filesystem>>): Promise<Inspection> {
  const drivers: Drivers = {
    formats: [rawFormat],
    volumeSystems: [tables],
    filesystems: [fakeDriver(filesystems), lvm, swap],
    packageDatabases: [dpkgPackages],
  };
  const inspection = await inspect(path, new RunContext({ log: new DiagnosticLog() }), { drivers });
  await inspection.close();
  return inspection;
}

/** Diagnostics without the disk's path. */
function said(inspection: Inspection): string[] {
  const { path } = inspection.artifact;
  return inspection.diagnostics.map(
    ({ code, severity, where }) => `${severity} ${code.slice(7)} at ${where.replace(path, 'disk')}`,
  );
}

const ROOT = {
  '/etc/os-release': 'ID=test\n',
  '/etc/passwd': '',
  '/usr/bin/x': 'x',
  '/data': null,
} as const;

describe('one volume', () => {
  it('may be the whole disk', async () => {
    const found = await run(disk(128, { 0: 'FAKE a' }), { a: fakeFilesystem({ '/x/y': 'z' }) });
    expect(found.partitions).toEqual([]);
    expect(found.filesystems).toMatchObject([
      { type: 'fake', partition: null, start: 0, section: 0, mountPoint: null },
    ]);
    // No root, and still its files are there.
    expect(found.root).toBeNull();
    expect(found.os).toBeNull();
    expect(Array.from({ length: found.table.count }, (_, entry) => found.pathOf(entry)).sort()).toEqual([
      '/',
      '/x',
      '/x/y',
    ]);
    expect([...found.owner]).toEqual([-1, -1, -1]);
    expect(found.isComplete).toBe(true);
  });

  it.each([
    ['FAKE a', 'linux', 'filesystem', []],
    ['SWAP', 'linux', 'swap', []],
    ['', 'linux', 'empty', ['info VOLUME_EMPTY at disk > table > 1']],
    ['GRUB', '21686148-6449-6E6F-744E-656564454649', 'boot', []],
    ['anything', 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE', 'gap', []],
    ['LVM', 'linux', 'container', ['error FILESYSTEM_NOT_READ at disk > table > 1 > LVM2_member']],
    ['unheard of', 'linux', 'unread', ['error VOLUME_UNKNOWN at disk > table > 1']],
  ])('%j of type %s is %s', async (content, type, kind, diagnostics) => {
    const found = await run(disk(128, { 0: `TABLE 1,8,64,${type}`, 8: content }), { a: fakeFilesystem({}) });
    expect(said(found)).toEqual(diagnostics);
    expect(found.isComplete).toBe(!diagnostics.some((one) => one.startsWith('error')));
    const seen = [
      ...found.filesystems.map((one) => ({
        kind: one.usage as string,
        bytes: one.source.size,
        partition: one.partition,
      })),
      ...found.regions.map((one) => ({
        kind: one.kind as string,
        bytes: one.ranges.total,
        partition: one.partition,
      })),
    ].filter(({ partition }) => partition === 0);
    expect(seen).toEqual([{ kind, bytes: 64 * KiB, partition: 0 }]);
    // Every byte of the disk is in exactly one of them.
    const all =
      found.filesystems.reduce((sum, one) => sum + one.source.size, 0) +
      found.regions.reduce((sum, one) => sum + one.ranges.total, 0);
    expect(all).toBe(128 * KiB);
  });
});

describe('damage', () => {
  const layout = { 0: 'TABLE 1,8,32,x;2,40,32,x;3,72,32,x', 8: 'FAKE a', 40: 'FAKE b', 72: 'FAKE c' };

  it('of one filesystem costs that one only', async () => {
    const broken = fakeFilesystem(
      {},
      {
        scan: async (builder) => {
          builder.add(-1, new Uint8Array(0));
          throw corrupt('NO_ROOT', 'there is no root directory', { where: ['inode 2'] });
        },
      },
    );
    const found = await run(disk(128, layout), {
      a: fakeFilesystem({ '/a': 'a' }),
      b: broken,
      c: fakeFilesystem({ '/c': 'c' }),
    });
    expect(said(found)).toContain('error NO_ROOT at disk > table > 2 > fake > inode 2');
    expect(found.isComplete).toBe(false);
    expect(found.filesystems.map(({ section, used }) => [section, used])).toEqual([
      [0, 4096],
      [null, null],
      [2, 4096],
    ]);
    const c = found.table.child(found.table.sections[2]!.first, 'c');
    expect([found.filesystemOf(c), found.pathOf(c)]).toEqual([2, '/c']);
  });

  it('of a driver that refuses leaves the volume unread', async () => {
    const driver = fakeFilesystem({});
    const found = await run(disk(128, layout), { a: driver, c: driver });
    expect(said(found)).toEqual(['error VOLUME_UNKNOWN at disk > table > 2']);
  });

  it('of maps is reported, and nothing is called unused', async () => {
    const broken = fakeFilesystem(
      { '/a': 'a' },
      {
        unusedExtents: async () => {
          throw corrupt('BITMAP', 'fails its checksum');
        },
      },
    );
    const found = await run(disk(128, { 0: 'FAKE a' }), { a: broken });
    expect(said(found)).toEqual(['error BITMAP at disk > fake']);
    expect([found.filesystems[0]!.section, found.filesystems[0]!.unused]).toEqual([0, null]);
  });

  it('that waits for recovery is a warning and no failure', async () => {
    const dirty = fakeFilesystem(
      { '/a': 'a' },
      {
        state: 'needs-recovery',
        unusedExtents: async () => {
          throw unsupported('DIRTY', 'cannot tell');
        },
      },
    );
    const found = await run(disk(128, { 0: 'FAKE a' }), { a: dirty });
    expect(said(found)).toEqual(['warning NEEDS_RECOVERY at disk > fake']);
    expect(found.isComplete).toBe(true);
    expect(found.filesystems[0]).toMatchObject({ state: 'needs-recovery', unused: null, section: 0 });
  });

  it('of the partition table leaves a report without volumes', async () => {
    const found = await run(disk(128, { 0: 'TABLE broken' }), {});
    expect(said(found)).toEqual(['error TABLE_BROKEN at disk > table']);
    expect(found.regions).toMatchObject([{ kind: 'unread', partition: null }]);
    expect(found.regions[0]!.ranges.total).toBe(128 * KiB);
  });

  it('of the machine is not turned into a diagnostic', async () => {
    const failing = fakeFilesystem(
      {},
      { scan: () => Promise.reject(new ImgoptError('system', 'EIO', 'input/output error')) },
    );
    await expect(run(disk(128, { 0: 'FAKE a' }), { a: failing })).rejects.toMatchObject({
      code: 'IMGOPT_EIO',
    });
  });
});

describe('volumes in volumes', () => {
  it('are followed, with their place on the disk', async () => {
    const path = disk(256, { 0: 'TABLE 1,8,128,x;2,200,8,extended', 8: 'TABLE 1,4,64,x', 12: 'FAKE a' });
    const found = await run(path, { a: fakeFilesystem({ '/f': 'f' }) });
    expect(found.partitions.map(({ index, start, size }) => [index, start / KiB, size / KiB])).toEqual([
      [1, 8, 128],
      [1, 12, 64],
      [2, 200, 8],
    ]);
    expect(found.partitions.map(({ volume, parent }) => [volume, parent])).toEqual([
      ['p1', null],
      ['p1/p1', 0],
      ['p2', null],
    ]);
    expect(found.filesystems).toMatchObject([{ partition: 1, volume: 'p1/p1', start: 12 * KiB }]);
    expect(found.filesystems[0]!.toDisk({ start: 0, end: 512 })).toEqual([
      { start: 12 * KiB, end: 12 * KiB + 512 },
    ]);
  });

  it('have names of their own, also where a table lists a number twice', async () => {
    const found = await run(disk(256, { 0: 'TABLE 1,8,16,x;1,32,16,x;1,64,16,x' }), {});
    expect(found.partitions.map(({ volume }) => volume)).toEqual(['p1', 'p1~2', 'p1~3']);
  });

  it('are not what /dev/sda5 means', async () => {
    const root = fakeFilesystem({
      '/etc/fstab': '/dev/sda1 / x\n/dev/sda5 /nested x\n/dev/sda2 /boot x\n',
      '/etc/os-release': 'ID=x\n',
      '/usr/bin/x': 'x',
      '/bin/sh': 'x',
    });
    const content = { 8: 'FAKE root', 64: 'TABLE 5,4,32,x', 68: 'FAKE inner', 200: 'FAKE boot' };
    const path = disk(256, { 0: 'TABLE 1,8,32,x;3,64,64,x;2,200,8,x', ...content });
    const found = await run(path, { root, inner: fakeFilesystem({}), boot: fakeFilesystem({}) });
    expect(found.filesystems.map(({ volume, mountPoint }) => [volume, mountPoint])).toEqual([
      ['p1', '/'],
      ['p3/p5', null],
      ['p2', '/boot'],
    ]);
  });

  it('end somewhere, even when a table holds itself', async () => {
    const places: Record<number, string> = {};
    for (let level = 0; level < 40; level++) places[level] = 'TABLE 1,1,200,x';
    const found = await run(disk(256, places), {});
    expect(found.partitions.length).toBeLessThan(10);
    expect(found.isComplete).toBe(false);
  });
});

describe('the root', () => {
  it('is the one whose fstab names it', async () => {
    const old = {
      ...ROOT,
      '/etc/fstab': 'PARTUUID=uuid-2 / fake\n',
      '/var/lib/dpkg/status': '',
      '/bin/x': '',
    };
    const current = {
      ...ROOT,
      '/etc/fstab': '/dev/vda2 / fake\n/dev/vda3 /data fake\n/dev/vdb1 /usr fake\n',
    };
    const path = disk(128, {
      0: 'TABLE 1,8,32,x;2,40,32,x;3,72,32,x',
      8: 'FAKE a',
      40: 'FAKE b',
      72: 'FAKE c',
    });
    const found = await run(path, {
      a: fakeFilesystem(old),
      b: fakeFilesystem(current),
      c: fakeFilesystem({ '/f': '' }),
    });
    expect(found.filesystems.map(({ mountPoint }) => mountPoint)).toEqual([null, '/', '/data']);
    expect(said(found)).toEqual(['warning SEVERAL_ROOTS at disk']);
    expect(found.root!.lookup('/data/f')).toBeGreaterThan(0);
    expect(found.os).toMatchObject({ id: 'test', versionId: null, architecture: null });
  });

  it('owns nothing twice: the first owner of a shared file keeps it', async () => {
    const stanza = (name: string) =>
      `Package: ${name}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n`;
    const tree = {
      ...ROOT,
      '/usr/share/both': 'both',
      '/var/lib/dpkg/status': stanza('b') + stanza('a'),
      '/var/lib/dpkg/info/a.list': '/usr\n/usr/share\n/usr/share/both\n',
      '/var/lib/dpkg/info/b.list': '/usr\n/usr/share\n/usr/share/both\n',
    };
    const found = await run(disk(128, { 0: 'FAKE a' }), { a: fakeFilesystem(tree) });
    expect(found.packages.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(found.owner[found.root!.lookup('/usr/share/both')]).toBe(0);
    expect(found.owner[found.root!.lookup('/usr/share')]).toBe(-1);
  });
});

describe('what is no image, with the real drivers', () => {
  const refuse = async (content: Uint8Array | string) => {
    const path = join(folder, `file-${number++}`);
    writeFileSync(path, content);
    const error = await inspect(path, new RunContext({ log: new DiagnosticLog() }), {
      drivers: createRegistry(),
    }).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(ImgoptError);
    expect((error as ImgoptError).exitCode).toBe(3);
    expect((error as ImgoptError).where[0]).toBe(path);
    return error as ImgoptError;
  };
  const padded = (at: number, magic: string, size = 65536) => {
    const bytes = Buffer.alloc(size);
    bytes.write(magic, at < 0 ? size + at : at, 'latin1');
    return bytes;
  };

  it.each([
    ['hello, this is a log file\n'.repeat(100), /text/],
    ['{"json": true}', /JSON/],
    [new Uint8Array(1 << 20), /zeros/],
    [randomBytes(1 << 18), /random, encrypted or compressed/],
    ['\x7fELF', /ELF/],
    ['%PDF-1.7', /PDF/],
  ])('names the content of %#', async (content, pattern) => {
    const error = await refuse(content);
    expect(error.code).toBe('IMGOPT_UNKNOWN_FORMAT');
    expect(error.message).toMatch(pattern);
    expect(error.advice).toBeDefined();
  });

  it.each([
    ['dmg', padded(-512, 'koly\0\0\0\x04')],
    ['xz', padded(0, '\xfd7zXZ\0')],
    ['bzip2', padded(0, 'BZh91AY&SY')],
    ['zip', padded(0, 'PK\x03\x04')],
  ])('knows %s by name', async (name, content) => {
    const error = await refuse(content);
    expect(error.code).toBe('IMGOPT_UNSUPPORTED_FORMAT');
    expect(error.family).toBe('unsupported');
    expect(error.message).toContain(name);
  });

  it('says what a damaged magic number most likely was', async () => {
    const { fixtureBytes } = await import('../support/fixtures.ts');
    const bytes = Buffer.from(fixtureBytes('debian-mini/debian-mini.qcow2').subarray(0, 1 << 20));
    bytes[3] = 0x7a;
    const error = await refuse(bytes);
    expect(error.message).toMatch(/looks like qcow2 .* damaged magic number/);
  });
});
