/**
 * A full Debian system (bench/make-debian.sh; `IMGOPT_BENCH_DATA` names its folder) against the tools that know it:
 * every path, attribute, size and allocated size of its 36,000 entries against debugfs and the extracted tree, every
 * owner against dpkg-query, blocks against dumpe2fs, deleted data counted once more, in ext2, ext3 and ext4 of
 * several kinds, with GPT and MBR; and the same report from every format. Needs 8 GB in the temporary folder
 * (`TMPDIR`), which must keep holes. Prints what it compared.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { imgopt } from '../support/cli.ts';
import { ownersByPath } from '../support/dpkg-query.ts';
import { type Dumpe2fs, debugfsStat, debugfsTree, dumpe2fs, freeExtents } from '../support/e2fsprogs.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runToolSync } from '../support/tools.ts';
import {
  allocatedBy,
  countNonZero,
  type DebianDisk,
  DebianTree,
  debianTar,
  FORMATS,
  type FormatVariant,
  type LayoutName,
  makeDeleted,
  makeDisk,
} from './debian-images.ts';

const MiB = 1024 * 1024;

interface FilesystemVariant {
  readonly name: string;
  readonly type: string;
  readonly layout: LayoutName;
  readonly mke2fs: readonly string[];
  /** Other formats than raw that it is tried in. */
  readonly formats: readonly string[];
}

const FILESYSTEMS: readonly FilesystemVariant[] = [
  {
    name: 'ext2, 1 KiB blocks',
    type: 'ext2',
    layout: 'MBR',
    mke2fs: ['-t', 'ext2', '-b', '1024', '-I', '128'],
    formats: ['qcow2'],
  },
  {
    name: 'ext3',
    type: 'ext3',
    layout: 'MBR, logical',
    mke2fs: ['-t', 'ext3', '-b', '4096'],
    formats: ['monolithicSparse', 'qcow2 zstd'],
  },
  {
    name: 'ext4 without checksums',
    type: 'ext4',
    layout: 'MBR, logical',
    mke2fs: ['-t', 'ext4', '-b', '4096', '-O', '^metadata_csum,^64bit,uninit_bg'],
    formats: [],
  },
  {
    name: 'ext4 bigalloc',
    type: 'ext4',
    layout: 'GPT, 4 KiB sectors',
    mke2fs: ['-t', 'ext4', '-b', '4096', '-O', 'bigalloc', '-C', '16384'],
    formats: ['twoGbMaxExtentSparse'],
  },
  {
    name: 'ext4 inline_data',
    type: 'ext4',
    layout: 'bare',
    mke2fs: ['-t', 'ext4', '-b', '4096', '-O', 'inline_data', '-I', '1024'],
    formats: ['qcow2 extended L2'],
  },
  {
    name: 'ext4 meta_bg',
    type: 'ext4',
    layout: 'GPT',
    mke2fs: [
      '-t',
      'ext4',
      '-b',
      '2048',
      '-O',
      '64bit,meta_bg,^resize_inode,metadata_csum_seed',
      '-g',
      '8192',
    ],
    formats: [],
  },
  {
    name: 'ext4 with all else',
    type: 'ext4',
    layout: 'GPT',
    mke2fs: [
      ...['-t', 'ext4', '-b', '4096', '-I', '512', '-O'],
      'sparse_super2,^resize_inode,project,verity,casefold,encrypt,large_dir,ea_inode,stable_inodes,orphan_file',
    ],
    formats: [],
  },
];

const LETTERS: Record<string, string> = {
  regular: 'f',
  directory: 'd',
  symlink: 'l',
  'character special': 'c',
  'block special': 'b',
  FIFO: 'p',
  socket: 's',
};
const LETTER_OF_TYPE = new Map<number, string>([
  [FILE_TYPE.file, 'f'],
  [FILE_TYPE.directory, 'd'],
  [FILE_TYPE.symlink, 'l'],
  [FILE_TYPE.character, 'c'],
  [FILE_TYPE.block, 'b'],
  [FILE_TYPE.fifo, 'p'],
  [FILE_TYPE.socket, 's'],
]);

/** `find -printf` letters of a type, and what stat says. */
interface Entry {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly allocated: number;
  readonly inode: number;
}

/** What other tools say of a filesystem. */
interface Truth {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly dump: Dumpe2fs;
  readonly stale: number;
}

interface Row {
  image: string;
  entries: number;
  owned: number;
  packages: number;
  usedBlocks: number;
  unusedBlocks: number;
  stale: number;
  allocated: number;
  seconds: string;
}

const attributes = ({ type, mode, uid, gid, links }: Entry): string =>
  `${type} ${mode.toString(8)} ${uid}:${gid} links ${links}`;
const everything = (one: Entry): string => `${attributes(one)} size ${one.size} allocated ${one.allocated}`;

/** The first of what is different, legibly; thirty thousand entries are no diff that anybody reads. */
function differences(actual: ReadonlyMap<string, unknown>, expected: ReadonlyMap<string, unknown>): string[] {
  const found: string[] = [];
  for (const [key, value] of expected) {
    if (!actual.has(key)) found.push(`missing: ${key} (${value})`);
    else if (actual.get(key) !== value) found.push(`${key}: ${actual.get(key)}, not ${value}`);
  }
  for (const key of actual.keys()) if (!expected.has(key)) found.push(`too much: ${key}`);
  return found.length > 20 ? [...found.slice(0, 20), `and ${found.length - 20} more`] : found;
}

function mapped<K, V, W>(map: ReadonlyMap<K, V>, value: (one: V) => W): Map<K, W> {
  return new Map([...map].map(([key, one]) => [key, value(one)]));
}

const utf8 = (latin1: string): string => Buffer.from(latin1, 'latin1').toString();

async function truthOf(disk: DebianDisk, folder: string): Promise<Truth> {
  const listed = [{ path: '/', inode: 2 }, ...(await debugfsTree(folder, disk.root))];
  const stats = await debugfsStat(folder, disk.root, [...new Set(listed.map(({ inode }) => inode))]);
  const entries = new Map<string, Entry>();
  for (const { path, inode } of listed) {
    const { type, mode, uid, gid, links, size, sectors } = stats.get(inode)!;
    const letter = LETTERS[type] ?? type;
    const allocated = sectors * 512;
    entries.set(utf8(path), { type: letter, mode: mode & 0o7777, uid, gid, links, size, allocated, inode });
  }
  const dump = await dumpe2fs(disk.root);
  const stale = countNonZero(disk.path, disk.start, freeExtents(dump), dump.blockSize);
  return { entries, dump, stale };
}

/** The tree as the host sees it, but for what the host's filesystem decides: sizes and blocks of directories. */
function hostEntries(tree: DebianTree): Map<string, string> {
  const output = tree.run('find', [
    tree.path,
    '-mindepth',
    '1',
    '-printf',
    '%P\\0%y\\0%m\\0%U\\0%G\\0%n\\0%s\\0',
  ]);
  const fields = output.toString().split('\0');
  const rows: string[][] = [];
  for (let at = 0; at + 7 <= fields.length; at += 7) rows.push(fields.slice(at, at + 7));
  const subdirectories = new Map<string, number>();
  for (const [path, type] of rows) {
    const parent = path!.slice(0, Math.max(0, path!.lastIndexOf('/')));
    if (type === 'd') subdirectories.set(parent, (subdirectories.get(parent) ?? 0) + 1);
  }
  const entries = new Map<string, string>();
  for (const [path, type, mode, uid, gid, links, size] of rows) {
    const isDirectory = type === 'd';
    const hardLinks = isDirectory ? 2 + (subdirectories.get(path!) ?? 0) : links;
    entries.set(
      `/${path}`,
      `${type} ${mode} ${uid}:${gid} links ${hardLinks}${isDirectory ? '' : ` size ${size}`}`,
    );
  }
  return entries;
}

/** What `find` says, in the words of `hostEntries`, of what debugfs says. */
function withoutDirectorySizes(entries: ReadonlyMap<string, Entry>): Map<string, string> {
  const result = mapped(entries, (one) => attributes(one) + (one.type === 'd' ? '' : ` size ${one.size}`));
  for (const path of ['/', '/lost+found']) result.delete(path); // mke2fs made them
  return result;
}

/** `du` over debugfs's numbers: by directory, each inode once. */
function cumulative(entries: ReadonlyMap<string, Entry>): Map<string, string> {
  const sums = new Map<string, { size: number; allocated: number; files: number; seen: Set<number> }>();
  for (const [path, { type }] of entries) {
    if (type === 'd') sums.set(path, { size: 0, allocated: 0, files: 0, seen: new Set() });
  }
  for (const [path, one] of entries) {
    let at = one.type === 'd' ? path : parentOf(path);
    for (;;) {
      const sum = sums.get(at)!;
      if (one.links === 1 || one.type === 'd' || !sum.seen.has(one.inode)) {
        if (one.type !== 'd') sum.seen.add(one.inode);
        sum.allocated += one.allocated;
        if (one.type !== 'd') sum.size += one.size;
        if (one.type !== 'd' && one.type !== 'l') sum.files++;
      }
      if (at === '/') break;
      at = parentOf(at);
    }
  }
  return mapped(sums, ({ size, allocated, files }) => `${size} ${allocated} ${files}`);
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

interface NcduInfo {
  readonly name: string;
  readonly asize?: number;
  readonly dsize?: number;
}
type NcduItem = NcduInfo | [NcduInfo, ...NcduItem[]];

function ncduEntries(item: NcduItem, folder: string | undefined, found: Map<string, string>): void {
  const [info, inner] = Array.isArray(item) ? [item[0], item.slice(1) as NcduItem[]] : [item, []];
  const path = folder === undefined ? '/' : `${folder === '/' ? '' : folder}/${info.name}`;
  if (path === '/boot/efi') return; // another filesystem's
  found.set(path, `size ${info.asize ?? 0} allocated ${info.dsize ?? 0}`);
  for (const one of inner) ncduEntries(one, path, found);
}

describeWithTools(
  [
    ...['mke2fs', 'debugfs', 'dumpe2fs', 'e2fsck', 'sfdisk', 'fdisk', 'mkswap', 'mkfs.vfat', 'mmd', 'mcopy'],
    ...[
      'qemu-img',
      'qemu-io',
      'dpkg-query',
      'ncdu',
      'tar',
      'find',
      ...(process.getuid?.() === 0 ? [] : ['fakeroot']),
    ],
  ],
  'a full Debian system',
  () => {
    const folder = temporaryFolder();
    const work = join(folder, 'work');
    const deleted = join(folder, 'deleted.bin');
    const schema = readFileSync(join(import.meta.dirname, '../../schemas/report-1.schema.json'), 'utf8');
    const validate = new Ajv2020({ strict: true }).compile(JSON.parse(schema));
    const rows: Row[] = [];
    let tar: string;
    let tree: DebianTree;
    let host: Map<string, string>;
    /** Owners (`name:architecture`) of every path, by dpkg-query. */
    let owners: Map<string, Set<string>>;

    beforeAll(async () => {
      tar = await debianTar();
      tree = DebianTree.extract(tar, folder);
      host = hostEntries(tree);
      owners = await ownersByPath(tree.path);
      expect(host.size).toBeGreaterThan(30_000);
      expect(owners.size).toBeGreaterThan(30_000);
    });

    afterAll(() => {
      const head = [
        'image',
        'entries',
        'owned',
        'packages',
        'used',
        'unused',
        'stale',
        'allocated',
        'seconds',
      ];
      const cells = rows.map((row) => Object.values(row).map(String));
      const widths = head.map((name, index) =>
        Math.max(name.length, ...cells.map((row) => row[index]!.length)),
      );
      const line = (row: readonly string[]): string =>
        row
          .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!)))
          .join('  ');
      const note = 'used and unused in blocks, stale and allocated in bytes, seconds without and with --deep';
      process.stdout.write(`\n${[line(head), ...cells.map(line), note].join('\n')}\n\n`);
    });

    async function freshDisk(
      layout: LayoutName,
      mke2fs: readonly string[],
      deletedBytes: number,
    ): Promise<{ disk: DebianDisk; truth: Truth }> {
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work);
      makeDeleted(tar, deleted, deletedBytes);
      const disk = await makeDisk(join(work, 'disk.raw'), tree, layout, mke2fs, deleted);
      const truth = await truthOf(disk, folder);
      const isInline = mke2fs.includes('inline_data');
      expect(
        differences(withoutDirectorySizes(truth.entries), isInline ? shortened(host, truth.entries) : host),
      ).toEqual([]);
      expect(truth.stale).toBeGreaterThan(deletedBytes / 2);
      return { disk, truth };
    }

    /** With inline_data, mke2fs -d forgets the zeros that a file ends with (1.47.0): the tree as it then is. */
    function shortened(
      files: ReadonlyMap<string, string>,
      entries: ReadonlyMap<string, Entry>,
    ): Map<string, string> {
      const result = new Map(files);
      for (const [path, { type, size }] of entries) {
        if (type !== 'f' || files.get(path)?.endsWith(` size ${size}`) !== false) continue;
        const bytes = readFileSync(join(tree.path, path));
        if (size > bytes.length || bytes.subarray(size).some((byte) => byte !== 0)) continue;
        result.set(path, files.get(path)!.replace(/ size \d+$/, ` size ${size}`));
      }
      return result;
    }

    /** Every entry and every owner, in the process: the report does not hold all of that. */
    async function compareEntries(path: string, truth: Truth): Promise<{ entries: number; owned: number }> {
      const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });
      const inspection = await inspect(path, context, { drivers: createRegistry() });
      try {
        const root = inspection.filesystems.find((one) => one.mountPoint === '/')!;
        const { table } = inspection;
        const { first, end } = table.sections[root.section!]!;
        const found = new Map<string, string>();
        for (let entry = first; entry < end; entry++) {
          const one: Entry = {
            type: LETTER_OF_TYPE.get(table.type[entry]!) ?? '?',
            mode: table.mode[entry]!,
            uid: table.uid[entry]!,
            gid: table.gid[entry]!,
            links: table.links[entry]!,
            size: table.size[entry]!,
            allocated: table.allocated[entry]!,
            inode: table.inode[entry]!,
          };
          found.set(inspection.pathOf(entry), everything(one));
        }
        expect(differences(found, mapped(truth.entries, everything))).toEqual([]);
        const owned = new Map<string, Set<string>>();
        // Python's own database knows some of the same files; dpkg-query does not know it.
        const packages = inspection.packages.filter((one) => one.manager === 'dpkg');
        for (const one of packages) {
          for (const entry of one.entries) {
            const place = inspection.pathOf(entry);
            owned.set(place, (owned.get(place) ?? new Set()).add(`${one.name}:${one.architecture}`));
          }
        }
        const list = (names: Set<string>): string => [...names].sort().join(' ');
        expect(differences(mapped(owned, list), mapped(owners, list))).toEqual([]);
        expect([...root.unused!]).toEqual(freeExtents(truth.dump));
        return { entries: found.size, owned: owned.size };
      } finally {
        await inspection.close();
      }
    }

    async function reportOf(path: string, flags: readonly string[]): Promise<MeasuredReport> {
      const { code, stdout, stderr } = await imgopt(['analyze', path, '--json', '--top', '0', ...flags]);
      const report = JSON.parse(stdout) as MeasuredReport & { error?: unknown };
      const errors = [report.error, ...(report.diagnostics ?? [])].filter((one) => one !== undefined);
      expect({ code, stderr, errors }).toEqual({ code: 0, stderr: '', errors: [] });
      expect(validate(report), JSON.stringify(validate.errors?.slice(0, 5))).toBe(true);
      return report;
    }

    /** Files, directories, packages and the filesystem of a report against debugfs, dpkg-query and dumpe2fs. */
    function compareReport(report: MeasuredReport, truth: Truth, type: string): void {
      const { entries, dump } = truth;
      const root = report.filesystems.find((one) => one.mountPoint === '/')!;
      const unused = dump.freeBlocks * dump.blockSize;
      const inodes = new Map([...entries.values()].map((one) => [one.inode, one]));
      const others = [...inodes.values()].filter((one) => one.type !== 'd' && one.type !== 'l');
      expect(root).toMatchObject({
        type,
        state: 'clean',
        unused,
        used: dump.blocks * dump.blockSize - unused,
        files: others.length,
        directories: [...inodes.values()].filter((one) => one.type === 'd').length,
      });
      // Python's packages own what it compiled when dpkg had installed them.
      const otherManagers = report.packages.filter((one) => one.manager !== 'dpkg').map(({ name }) => name);
      const found = new Map<number, string>();
      for (const file of report.files.filter((one) => one.filesystem === root.index)) {
        const one = entries.get(file.path)!;
        found.set(one.inode, `${file.size} ${file.allocated} ${file.links}`);
        const names = [...(owners.get(file.path) ?? [])].map((name) => name.split(':')[0]!);
        if (names.length > 0) expect(names, file.path).toContain(file.package);
        else if (one.links === 1 && file.package !== null) {
          expect(otherManagers, file.path).toContain(file.package);
        }
      }
      const expected = others.map(
        (one) => [one.inode, `${one.size} ${one.allocated} ${one.links}`] as [number, string],
      );
      expect(differences(mapped(keyed(found), String), keyed(new Map(expected)))).toEqual([]);
      const directories = report.directories
        .filter((one) => one.filesystem === root.index)
        .map((one) => [one.path, `${one.size} ${one.allocated} ${one.files}`] as [string, string]);
      expect(differences(new Map(directories), cumulative(entries))).toEqual([]);
      comparePackages(report, entries);
    }

    function comparePackages(report: MeasuredReport, entries: ReadonlyMap<string, Entry>): void {
      const own = new Map<string, Map<string, Entry>>();
      const shared = new Set<string>();
      const packaged = new Map<number, number>();
      for (const [path, names] of owners) {
        const one = entries.get(path)!;
        if (one.type === 'd') continue;
        packaged.set(one.inode, one.allocated);
        for (const name of names) {
          if (names.size > 1) shared.add(name);
          own.set(name, (own.get(name) ?? new Map()).set(path, one));
        }
      }
      const sum = (list: Iterable<number>): number => [...list].reduce((total, one) => total + one, 0);
      const packages = report.packages.filter((one) => one.manager === 'dpkg');
      for (const one of packages) {
        const key = `${one.name}:${one.architecture}`;
        const files = [...(own.get(key)?.values() ?? [])];
        const allocated = sum(new Map(files.map((file) => [file.inode, file.allocated])).values());
        if (shared.has(key)) continue; // a file of several counts at the first
        expect({ key, files: one.files, allocated: one.allocated }).toEqual({
          key,
          files: files.length,
          allocated,
        });
      }
      expect(sum(packages.map((one) => one.allocated))).toBe(sum(packaged.values()));
      expect(report.totals.packaged).toBe(sum(report.packages.map((one) => one.allocated)));
      expect(shared.size).toBeLessThan(packages.length / 4);
    }

    /** All that is checked of one image; returns its reports, for comparing. */
    async function check(
      image: string,
      path: string,
      truth: Truth,
      options: { isPlain: boolean; allocated: number },
    ): Promise<{ shallow: MeasuredReport; deep: MeasuredReport }> {
      const counts = await compareEntries(path, truth);
      const started = performance.now();
      const shallow = await reportOf(path, []);
      const middle = performance.now();
      const deep = await reportOf(path, ['--deep']);
      const seconds = [middle - started, performance.now() - middle].map((ms) => (ms / 1000).toFixed(1));
      const root = deep.filesystems.find((one) => one.mountPoint === '/')!;
      expect(root.stale).toBe(truth.stale);
      for (const { artifact, books } of [shallow, deep]) {
        expect(artifact.allocated).toBe(options.allocated);
        expect(Object.values(books).reduce((sum, one: { bytes: number }) => sum + one.bytes, 0)).toBe(
          artifact.allocated,
        );
      }
      expect(shallow.books.stale.evidence).toBe('estimated');
      if (options.isPlain) expect(deep.books.stale).toMatchObject({ bytes: truth.stale });
      else expect(deep.books.stale.bytes).toBeLessThan(truth.stale);
      rows.push({
        image,
        ...counts,
        packages: deep.packages.filter((one) => one.manager === 'dpkg').length,
        usedBlocks: root.used! / truth.dump.blockSize,
        unusedBlocks: root.unused! / truth.dump.blockSize,
        stale: root.stale!,
        allocated: deep.artifact.allocated,
        seconds: seconds.join(' '),
      });
      return { shallow, deep };
    }

    async function compareNcdu(path: string, truth: Truth): Promise<void> {
      const exported = join(work, 'export.json');
      const again = join(work, 'again.json');
      const { code, stderr } = await imgopt(['analyze', path, '--format', 'ncdu', '--output', exported]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      runToolSync('ncdu', ['-0', '-f', exported, '-o', again]);
      const found = new Map<string, string>();
      const [, , , root] = JSON.parse(readFileSync(again, 'utf8')) as [number, number, object, NcduItem];
      ncduEntries(root, undefined, found);
      const expected = mapped(truth.entries, (one) => `size ${one.size} allocated ${one.allocated}`);
      if (!found.has('/boot/efi')) expected.delete('/boot/efi');
      expect(differences(found, expected)).toEqual([]);
      rmSync(exported);
      rmSync(again);
    }

    async function checkFormat(
      prefix: string,
      variant: FormatVariant,
      disk: DebianDisk,
      truth: Truth,
      reference: { shallow: MeasuredReport; deep: MeasuredReport },
    ): Promise<void> {
      const place = join(work, 'format');
      rmSync(place, { recursive: true, force: true });
      mkdirSync(place);
      const image = join(place, await variant.make(disk.path, place));
      const { isPlain } = variant;
      const own = readdirSync(place).filter((name) => variant.backing?.includes(name) !== true);
      const allocated = own.reduce((sum, name) => sum + allocatedBy(join(place, name)), 0);
      const reports = await check(`${prefix}${variant.name}`, image, truth, { isPlain, allocated });
      expect(reports.deep.artifact).toMatchObject({
        format: variant.format,
        virtualSize: statSync(disk.path).size,
      });
      expect(reports.deep.artifact.backing.map((one) => basename(one.path))).toEqual(variant.backing ?? []);
      for (const depth of ['shallow', 'deep'] as const) {
        expect(sectionDifferences(reports[depth], reference[depth]), depth).toEqual([]);
      }
      rmSync(place, { recursive: true });
    }

    for (const { name, type, layout, mke2fs, formats } of FILESYSTEMS) {
      test(`${name} in ${layout}`, async () => {
        const { disk, truth } = await freshDisk(layout, mke2fs, 48 * MiB);
        const allocated = allocatedBy(disk.path);
        const reference = await check(`${name}, ${layout}`, disk.path, truth, { isPlain: true, allocated });
        compareReport(reference.deep, truth, type);
        await compareNcdu(disk.path, truth);
        for (const format of formats) {
          const variant = FORMATS.find((one) => one.name.endsWith(format))!;
          await checkFormat('  as ', variant, disk, truth, reference);
        }
      });
    }

    describeWithTools([], 'in every format', () => {
      let disk: DebianDisk;
      let truth: Truth;
      let reference: { shallow: MeasuredReport; deep: MeasuredReport };

      beforeAll(async () => {
        ({ disk, truth } = await freshDisk('GPT', ['-t', 'ext4', '-b', '4096'], 256 * MiB));
        const options = { isPlain: true, allocated: allocatedBy(disk.path) };
        reference = await check('ext4, GPT', disk.path, truth, options);
      });

      test('ext4 in GPT', async () => {
        compareReport(reference.deep, truth, 'ext4');
        compareReport(reference.shallow, truth, 'ext4');
        await compareNcdu(disk.path, truth);
      });

      for (const variant of FORMATS) {
        test(variant.name, () => checkFormat('  as ', variant, disk, truth, reference));
      }
    });
  },
);

function keyed<V>(map: ReadonlyMap<number, V>): Map<string, V> {
  return new Map([...map].map(([key, value]) => [`inode ${key}`, value]));
}

/**
 * A report but for what is the artifact's own, by section; long sections as text, which compares quickly. Of the
 * suggestions, those of the family `disk` are about the artifact: what it would save there depends on its format.
 */
function sections({ artifact, books, diagnostics, ...rest }: MeasuredReport): Record<string, string> {
  const said = diagnostics.map(({ where, ...one }) => one);
  const own = rest.suggestions.filter(({ family }) => family === 'disk');
  const suggestions = rest.suggestions.filter(({ family }) => family !== 'disk');
  const reclaimable = own.reduce((left, one) => left - one.reclaimable, rest.totals.reclaimable);
  const totals = { ...rest.totals, reclaimable };
  return Object.fromEntries(
    Object.entries({ ...rest, suggestions, totals, said }).map(([name, value]) => [
      name,
      JSON.stringify(value),
    ]),
  );
}

/** Names of the sections that differ, with the place and what stands there. */
function sectionDifferences(actual: MeasuredReport, expected: MeasuredReport): string[] {
  const [found, wanted] = [sections(actual), sections(expected)];
  return Object.keys({ ...found, ...wanted }).flatMap((name) => {
    const [one = '', other = ''] = [found[name], wanted[name]];
    if (one === other) return [];
    let at = 0;
    while (at < one.length && one[at] === other[at]) at++;
    const around = (text: string): string => text.slice(Math.max(0, at - 60), at + 120);
    return [`${name}: …${around(one)}…, not …${around(other)}…`];
  });
}
