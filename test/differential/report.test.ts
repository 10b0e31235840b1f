/**
 * The whole report over a disk that other tools made and describe: sizes and owners by debugfs and dpkg-query,
 * unused blocks by dumpe2fs, what the image stores by qemu-img map, and deleted data that is known by hand.
 */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, expect, test } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { measureStale } from '../../src/analyzers/stale.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { createRegistry } from '../../src/registry.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const MiB = 1024 * 1024;
const BLOCK = 4096;
const FS_START = MiB;
const FS_SIZE = 64 * MiB;
const SWAP_START = FS_START + FS_SIZE;
const SWAP_SIZE = 8 * MiB;
const DISK_SIZE = 80 * MiB;
/** Deleted after it was written: 769 blocks that nothing but --deep can tell from never written ones. */
const REMOVED_BYTES = 3 * MiB + 100;
const REMOVED_BLOCKS = 769;

/** dpkg-query's own placeholders. */
const FORMAT = ['Package', 'Version', 'Architecture', 'Installed-Size']
  .map((one) => `$\{${one}}`)
  .join(' ')
  .concat('\\n');

const STATUS = `Package: libfoo
Status: install ok installed
Multi-Arch: same
Installed-Size: 40
Architecture: amd64
Version: 1.0-1
Provides: foo-abi
Description: a library

Package: foo
Status: install ok installed
Installed-Size: 900
Architecture: amd64
Version: 2.0-1
Depends: foo-abi (>= 1), libmissing | libfoo
Description: a program

Package: foo-data
Status: install ok installed
Installed-Size: 12
Architecture: all
Version: 2.0-1
Depends: foo
Description: its data
`;

const PACKAGE_FILES: Record<string, readonly string[]> = {
  'libfoo:amd64': ['/usr', '/usr/lib', '/usr/lib/libfoo.so.1', '/usr/lib/libfoo.so'],
  foo: ['/usr', '/usr/bin', '/usr/bin/foo', '/usr/bin/foo-hard'],
  'foo-data': ['/usr', '/usr/share', '/usr/share/foo', '/usr/share/foo/sparse', '/usr/share/foo/missing'],
};

function bytes(length: number, seed: number): Buffer {
  const result = Buffer.alloc(length);
  for (let i = 0; i < length; i++) result[i] = 1 + ((i * 31 + seed) % 255);
  return result;
}

function makeTree(root: string): void {
  const file = (path: string, content: string | Buffer): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  file('etc/os-release', 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n');
  file('etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
  file('usr/lib/libfoo.so.1', bytes(40_000, 1));
  symlinkSync('libfoo.so.1', join(root, 'usr/lib/libfoo.so'));
  file('usr/bin/foo', bytes(900_000, 2));
  linkSync(join(root, 'usr/bin/foo'), join(root, 'usr/bin/foo-hard'));
  file('usr/share/foo/sparse', bytes(10_000, 3));
  truncateSync(join(root, 'usr/share/foo/sparse'), 2 * MiB);
  symlinkSync(`/${'long/'.repeat(30)}target`, join(root, 'usr/share/foo/slow-link'));
  for (let i = 0; i < 300; i++) file(`var/cache/many/file-${i}`, bytes((i * 37) % 9000, i));
  file('var/log/syslog', bytes(700_000, 4));
  file('removed.bin', bytes(REMOVED_BYTES, 5));
  file('var/lib/dpkg/status', STATUS);
  file('var/lib/dpkg/info/format', '1\n'); // lists of multi-arch packages carry their architecture
  for (const [name, paths] of Object.entries(PACKAGE_FILES)) {
    file(`var/lib/dpkg/info/${name}.list`, `/.\n${paths.join('\n')}\n`);
  }
  mkdirSync(join(root, 'proc'));
}

interface Stat {
  readonly inode: number;
  readonly type: string;
  readonly links: number;
  readonly size: number;
  readonly allocated: number;
  /** Block numbers of its content. */
  readonly blocks: readonly number[];
}

/** Every path of the filesystem, as debugfs knows it. */
function debugfsWalk(image: string, folder: string): Map<string, Stat> {
  const found = new Map<string, Stat>();
  const run = (commands: readonly string[]): string[] => {
    const script = join(folder, 'commands');
    writeFileSync(script, `${commands.join('\n')}\n`);
    return runToolSync('debugfs', ['-f', script, image])
      .toString()
      .split(/^debugfs: .*\n/m)
      .slice(1);
  };
  let level = ['/'];
  while (level.length > 0) {
    const stats = run(level.map((path) => `stat "${path}"`));
    const blocks = run(level.map((path) => `blocks "${path}"`));
    const next: string[] = [];
    for (const [index, path] of level.entries()) {
      const number = (pattern: RegExp): number => Number(pattern.exec(stats[index]!)![1]);
      const allocated = number(/Blockcount: (\d+)/) * 512;
      found.set(path, {
        inode: number(/Inode: (\d+)/),
        type: /Type: (\S+)/.exec(stats[index]!)![1]!,
        links: number(/Links: (\d+)/),
        size: number(/Size: (\d+)/),
        allocated,
        // For a link that lives in its inode, debugfs prints the letters of its target as block numbers.
        blocks: allocated === 0 ? [] : blocks[index]!.split(/\s+/).filter(Boolean).map(Number),
      });
    }
    const directories = level.filter((path) => found.get(path)!.type === 'directory');
    const lists = directories.length === 0 ? [] : run(directories.map((path) => `ls -p "${path}"`));
    for (const [index, path] of directories.entries()) {
      for (const line of lists[index]!.split('\n')) {
        const name = line.split('/')[5];
        if (name !== undefined && name !== '' && name !== '.' && name !== '..')
          next.push(path === '/' ? `/${name}` : `${path}/${name}`);
      }
    }
    level = next;
  }
  return found;
}

async function reportOf(path: string, deep = false): Promise<MeasuredReport> {
  const context = new RunContext({ log: new DiagnosticLog(), threads: 3 });
  const inspection = await inspect(path, context, { drivers: createRegistry() });
  try {
    const measured = deep ? await measureStale(inspection, context) : undefined;
    return await createReport(inspection, {
      version: '0.0.0',
      top: 0,
      diagnostics: context.log.list(),
      ...(measured === undefined ? {} : { measured }),
    });
  } finally {
    await inspection.close();
  }
}

const sumOfBooks = (report: MeasuredReport): number =>
  Object.values(report.books).reduce((sum, one: { bytes: number }) => sum + one.bytes, 0);

const FORMATS: Record<string, readonly string[]> = {
  'plain.qcow2': ['-O', 'qcow2'],
  'zlib.qcow2': ['-O', 'qcow2', '-c'],
  'zstd.qcow2': ['-O', 'qcow2', '-c', '-o', 'compression_type=zstd'],
  'extended.qcow2': ['-O', 'qcow2', '-o', 'extended_l2=on'],
  'sparse.vmdk': ['-O', 'vmdk'],
  'stream.vmdk': ['-O', 'vmdk', '-o', 'subformat=streamOptimized'],
};

describeWithTools(
  ['mke2fs', 'debugfs', 'dumpe2fs', 'sfdisk', 'mkswap', 'qemu-img', 'dpkg-query'],
  'the report against other tools',
  () => {
    const folder = temporaryFolder();
    const disk = join(folder, 'disk.raw');
    const filesystem = join(folder, 'fs.img');
    const reports = new Map<string, MeasuredReport>();
    const deep = new Map<string, MeasuredReport>();
    let truth: Map<string, Stat>;

    beforeAll(async () => {
      const tree = join(folder, 'tree');
      mkdirSync(tree);
      makeTree(tree);
      const options = ['-q', '-F', '-t', 'ext4', '-b', String(BLOCK), '-L', 'root', '-E', 'root_owner=0:0'];
      runToolSync('mke2fs', [...options, '-d', tree, filesystem, `${FS_SIZE / 1024}K`]);
      runToolSync('debugfs', ['-w', '-R', 'rm /removed.bin', filesystem]);
      truth = debugfsWalk(filesystem, folder);
      const swap = join(folder, 'swap.img');
      writeFileSync(swap, Buffer.alloc(SWAP_SIZE));
      runToolSync('mkswap', ['-q', '-L', 'swap', swap]);
      // Written densely: nothing of the raw file is a hole.
      const whole = Buffer.alloc(DISK_SIZE);
      readFileSync(filesystem).copy(whole, FS_START);
      readFileSync(swap).copy(whole, SWAP_START);
      writeFileSync(disk, whole);
      const table = `label: gpt\nstart=${FS_START / 512}, size=${FS_SIZE / 512}, type=linux, name=root\nstart=${SWAP_START / 512}, size=${SWAP_SIZE / 512}, type=swap\n`;
      runToolSync('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', disk], Buffer.from(table));
      await Promise.all(
        Object.entries(FORMATS).map(([name, args]) =>
          runTool('qemu-img', ['convert', '-f', 'raw', ...args, disk, join(folder, name)]),
        ),
      );
      for (const name of ['disk.raw', ...Object.keys(FORMATS)]) {
        reports.set(name, await reportOf(join(folder, name)));
        deep.set(name, await reportOf(join(folder, name), true));
      }
    });

    test('every report satisfies the schema, by zod and by the published JSON Schema', () => {
      const schema = JSON.parse(
        readFileSync(join(import.meta.dirname, '../../schemas/report-1.schema.json'), 'utf8'),
      );
      const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);
      for (const report of [...reports.values(), ...deep.values()]) {
        expect(reportSchema.parse(report)).toEqual(report);
        expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
      }
      expect(validate({ ...reports.get('disk.raw')!, books: {} })).toBe(false);
    });

    test('size, allocated size and links of every file are debugfs’s', () => {
      const { files } = reports.get('disk.raw')!;
      const expected = new Map<number, Stat>();
      for (const one of truth.values()) if (one.type === 'regular') expected.set(one.inode, one);
      expect(files).toHaveLength(expected.size);
      for (const { path, size, allocated, links } of files) {
        expect({ path, size, allocated, links }).toEqual({ path, ...pick(truth.get(path)!) });
      }
      expect(files.map((one) => one.allocated)).toEqual(
        files.map((one) => one.allocated).sort((a, b) => b - a),
      );
    });

    test('directories are cumulative as du over debugfs’s numbers', () => {
      const { directories } = reports.get('disk.raw')!;
      const all = [...truth].filter(([, one]) => one.type === 'directory').map(([path]) => path);
      expect(new Set(directories.map((one) => one.path))).toEqual(new Set(all));
      for (const { path, allocated, size, files } of directories) {
        const below = new Map<number, Stat>();
        for (const [other, one] of truth) {
          if (path === '/' || other === path || other.startsWith(`${path}/`)) below.set(one.inode, one);
        }
        const list = [...below.values()];
        const notDirectories = list.filter((one) => one.type !== 'directory');
        expect({ path, allocated, size, files }).toEqual({
          path,
          allocated: sum(list.map((one) => one.allocated)),
          size: sum(notDirectories.map((one) => one.size)),
          files: list.filter((one) => one.type === 'regular').length,
        });
      }
    });

    test('packages occupy what dpkg-query’s lists add up to in debugfs', () => {
      const report = reports.get('disk.raw')!;
      const admin = join(folder, 'tree/var/lib/dpkg');
      const lines = runToolSync('dpkg-query', ['--admindir', admin, '-W', '-f', FORMAT]);
      const declared = lines
        .toString()
        .trim()
        .split('\n')
        .map((line) => line.split(' '));
      expect(report.packages).toHaveLength(declared.length);
      let packaged = 0;
      for (const [name, version, architecture, size] of declared) {
        const paths = runToolSync('dpkg-query', ['--admindir', admin, '-L', name!])
          .toString()
          .trim()
          .split('\n');
        const own = paths.flatMap((path) => truth.get(path) ?? []).filter((one) => one.type !== 'directory');
        const allocated = sum(
          [...new Map(own.map((one) => [one.inode, one])).values()].map((one) => one.allocated),
        );
        packaged += allocated;
        expect(report.packages.find((one) => one.name === name)).toMatchObject({
          version,
          architecture,
          allocated,
          files: own.length,
          installedSize: Number(size) * 1024,
        });
      }
      expect(report.totals.packaged).toBe(packaged);
      const byName = Object.fromEntries(report.packages.map((one) => [one.name, one.requiredBy]));
      expect(byName).toEqual({ libfoo: ['foo'], foo: ['foo-data'], 'foo-data': [] });
      expect(report.files.find((one) => one.path.startsWith('/usr/bin/foo'))!.package).toBe('foo');
    });

    test('totals and filesystems agree with debugfs and dumpe2fs', async () => {
      const { filesystems, totals } = reports.get('disk.raw')!;
      const inodes = [...new Map([...truth.values()].map((one) => [one.inode, one])).values()];
      const others = inodes.filter((one) => one.type !== 'directory');
      expect(totals).toMatchObject({
        files: inodes.filter((one) => one.type === 'regular').length,
        directories: inodes.filter((one) => one.type === 'directory').length,
        symlinks: inodes.filter((one) => one.type === 'symlink').length,
        size: sum(others.map((one) => one.size)),
        allocated: sum(others.map((one) => one.allocated)),
      });
      expect(totals.packaged + totals.unpackaged).toBe(totals.allocated);
      const free = Number(/Free blocks:\s+(\d+)/.exec(await runTool('dumpe2fs', ['-h', filesystem]))![1]);
      expect(filesystems).toHaveLength(2);
      expect(filesystems[0]).toMatchObject({
        type: 'ext4',
        label: 'root',
        partition: 1,
        start: FS_START,
        size: FS_SIZE,
        mountPoint: '/',
        state: 'clean',
        unused: free * BLOCK,
        used: FS_SIZE - free * BLOCK,
        stale: null,
      });
      expect(filesystems[1]).toMatchObject({ type: 'swap', partition: 2, used: null, state: 'not-read' });
    });

    test('the same system in every format gives the same report, but for the artifact’s own fields', () => {
      const strip = ({ artifact, books, ...rest }: MeasuredReport): unknown => rest;
      for (const [name, report] of reports)
        expect(strip(report), name).toEqual(strip(reports.get('disk.raw')!));
      for (const [name, report] of deep) expect(strip(report), name).toEqual(strip(deep.get('disk.raw')!));
    });

    test('the books balance to the byte of what the host allocates', () => {
      for (const [name, report] of [...reports, ...deep]) {
        expect(report.artifact.allocated, name).toBe(statSync(join(folder, name)).blocks * 512);
        expect(sumOfBooks(report), name).toBe(report.artifact.allocated);
      }
    });

    test('--deep finds exactly the deleted file', () => {
      for (const [name, report] of deep) {
        expect(report.filesystems[0]!.stale, name).toBe(REMOVED_BLOCKS * BLOCK);
        if (!name.includes('z') && !name.includes('stream')) {
          expect(report.books.stale, name).toEqual({ bytes: REMOVED_BLOCKS * BLOCK, evidence: 'measured' });
        }
      }
      const compressed = deep.get('zlib.qcow2')!.books.stale;
      expect(compressed.bytes).toBeGreaterThan(0);
      expect(compressed.bytes).toBeLessThan(REMOVED_BLOCKS * BLOCK);
    });

    test('a dense raw file: every class is counted, by debugfs and dumpe2fs', () => {
      const { books } = deep.get('disk.raw')!;
      const fileBlocks = contentBlocks(truth).size;
      const free = reports.get('disk.raw')!.filesystems[0]!.unused!;
      expect(books.files).toEqual({ bytes: fileBlocks * BLOCK, evidence: 'measured' });
      // GPT: the protective MBR, the header and 32 sectors of entries; the last two once more at the end.
      const tables = (1 + 33 + 33) * 512;
      expect(books.metadata).toEqual({
        bytes: FS_SIZE - free - fileBlocks * BLOCK + tables,
        evidence: 'measured',
      });
      expect(books.unread).toEqual({ bytes: 0, evidence: 'measured' });
      expect(reports.get('disk.raw')!.books.stale).toEqual({ bytes: free, evidence: 'estimated' });
    });

    test('qcow2 and VMDK: files and stale are what qemu-img map stores of their blocks', async () => {
      const content = contentBlocks(truth);
      const free = freeBlocks(await runTool('dumpe2fs', [filesystem]));
      for (const name of ['plain.qcow2', 'sparse.vmdk']) {
        const map = JSON.parse(await runTool('qemu-img', ['map', '--output=json', join(folder, name)])) as {
          start: number;
          length: number;
          data: boolean;
        }[];
        const stored = (blocks: ReadonlySet<number>): number => {
          let total = 0;
          for (const block of blocks) {
            const start = FS_START + block * BLOCK;
            for (const one of map) {
              if (one.data)
                total += Math.max(
                  0,
                  Math.min(start + BLOCK, one.start + one.length) - Math.max(start, one.start),
                );
            }
          }
          return total;
        };
        const { books } = reports.get(name)!;
        expect(books.files, name).toEqual({ bytes: stored(content), evidence: 'measured' });
        expect(books.stale, name).toEqual({ bytes: stored(free), evidence: 'estimated' });
      }
    });
  },
);

const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0);

function pick({ size, allocated, links }: Stat): { size: number; allocated: number; links: number } {
  return { size, allocated, links };
}

/** Blocks of everything but directories, each once. */
function contentBlocks(truth: Map<string, Stat>): Set<number> {
  return new Set([...truth.values()].filter((one) => one.type !== 'directory').flatMap((one) => one.blocks));
}

function freeBlocks(dump: string): Set<number> {
  const free = new Set<number>();
  for (const [, list] of dump.matchAll(/^ {2}Free blocks: (.+)$/gm)) {
    for (const range of list!.split(', ')) {
      const [from, to = from] = range.split('-').map(Number);
      for (let block = from!; block <= to!; block++) free.add(block);
    }
  }
  return free;
}
