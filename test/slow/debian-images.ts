/**
 * A full Debian system as images of every kind: the tree in ext2, ext3 and ext4 with several sets of features, on
 * disks with GPT and MBR, in every format. Nothing here shares code with src/: mke2fs, sfdisk, fdisk, mkfs.vfat,
 * mkswap and qemu-img make everything, unmounted. Filesystems are written straight into their place on the disk
 * (`-E offset`), and read there (`disk?offset=N`), so that there is one copy of the system and not three.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findTool, runTool } from '../support/tools.ts';

const MiB = 1024 * 1024;
const ROOT_UUID = '6d7a1e52-0f3c-4f0e-9b51-1a2b3c4d5e6f';
const ESP_ID = '1234abcd';

export const ESP_START = MiB;
export const ESP_SIZE = 15 * MiB;
export const ROOT_START = 32 * MiB;
export const ROOT_SIZE = 2560 * MiB;
const SWAP_START = ROOT_START + ROOT_SIZE + 16 * MiB;
const SWAP_SIZE = 64 * MiB;
export const DISK_SIZE = SWAP_START + SWAP_SIZE + 16 * MiB;

/** Where the tar of the system is kept, as bench/make-debian.sh makes it; made now when it is not there. */
export async function debianTar(): Promise<string> {
  const root = join(import.meta.dirname, '../..');
  const data = resolve(root, process.env['IMGOPT_BENCH_DATA'] ?? 'bench/data');
  const tar = join(data, 'debian.tar');
  if (!existsSync(tar)) await runTool('bash', [join(root, 'bench/make-debian.sh'), data]);
  return tar;
}

/** The system as files of the host. Without root, fakeroot remembers owners and devices between commands. */
export class DebianTree {
  readonly path: string;
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'tree');
  }

  static extract(tar: string, folder: string): DebianTree {
    const tree = new DebianTree(folder);
    mkdirSync(tree.path);
    tree.run('tar', ['-xpf', tar, '-C', tree.path, '--numeric-owner']);
    const fstab = `UUID=${ROOT_UUID} / ext4 errors=remount-ro 0 1\nUUID=1234-ABCD /boot/efi vfat umask=0077 0 1\n`;
    writeFileSync(join(tree.path, 'etc/fstab'), fstab);
    tree.run('mkdir', ['-p', join(tree.path, 'boot/efi')]);
    return tree;
  }

  /** Runs a tool that sees the tree with its real owners. */
  run(tool: string, args: readonly string[]): Buffer {
    const state = join(this.folder, 'fakeroot.state');
    const isRoot = process.getuid?.() === 0;
    const load = existsSync(state) ? ['-i', state] : [];
    const command = isRoot ? [] : [findTool('fakeroot') ?? 'fakeroot', '-s', state, ...load, '--'];
    const [program, ...rest] = [...command, findTool(tool) ?? tool, ...args];
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    return execFileSync(program!, rest, { maxBuffer: 1 << 30, env, stdio: ['ignore', 'pipe', 'pipe'] });
  }
}

export type LayoutName = 'bare' | 'GPT' | 'GPT, 4 KiB sectors' | 'MBR' | 'MBR, logical';

/** Partitions in the words of sfdisk; every layout has the root filesystem at ROOT_START but `bare`. */
const SCRIPTS: Record<Exclude<LayoutName, 'bare'>, (sector: number) => string> = {
  GPT: (sector) => gptScript(sector),
  'GPT, 4 KiB sectors': (sector) => gptScript(sector),
  MBR: (sector) =>
    [
      'label: dos',
      `start=${ESP_START / sector}, size=${ESP_SIZE / sector}, type=ef`,
      `start=${ROOT_START / sector}, size=${ROOT_SIZE / sector}, type=83, bootable`,
      `start=${SWAP_START / sector}, size=${SWAP_SIZE / sector}, type=82`,
    ].join('\n'),
  'MBR, logical': (sector) =>
    [
      'label: dos',
      `1: start=${ESP_START / sector}, size=${ESP_SIZE / sector}, type=ef`,
      `2: start=${(20 * MiB) / sector}, size=${(DISK_SIZE - 20 * MiB) / sector}, type=5`,
      `5: start=${ROOT_START / sector}, size=${ROOT_SIZE / sector}, type=83`,
      `6: start=${SWAP_START / sector}, size=${SWAP_SIZE / sector}, type=82`,
    ].join('\n'),
};

function gptScript(sector: number): string {
  return [
    'label: gpt',
    'label-id: 0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0',
    `start=${ESP_START / sector}, size=${ESP_SIZE / sector}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="esp"`,
    `start=${ROOT_START / sector}, size=${ROOT_SIZE / sector}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name="root"`,
    `start=${SWAP_START / sector}, size=${SWAP_SIZE / sector}, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F, name="swap"`,
  ].join('\n');
}

function writeTable(path: string, layout: Exclude<LayoutName, 'bare'>): void {
  const env = { ...process.env, LC_ALL: 'C' };
  if (layout !== 'GPT, 4 KiB sectors') {
    const args = ['-q', '--no-reread', '--no-tell-kernel', path];
    execFileSync(findTool('sfdisk')!, args, {
      env,
      input: SCRIPTS[layout](512),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return;
  }
  // Only fdisk can be told a sector size; its command I reads sfdisk's script.
  const script = `${path}.table`;
  writeFileSync(script, `${SCRIPTS[layout](4096)}\n`);
  const args = ['-b', '4096', path];
  execFileSync(findTool('fdisk')!, args, {
    env,
    input: `I\n${script}\nw\n`,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  rmSync(script);
}

export interface DebianDisk {
  readonly path: string;
  /** Where its root filesystem begins. */
  readonly start: number;
  /** The root filesystem, for debugfs and dumpe2fs. */
  readonly root: string;
}

/** A disk with the tree in a filesystem, deleted data in its unused blocks, and an ESP and swap around it. */
export async function makeDisk(
  path: string,
  tree: DebianTree,
  layout: LayoutName,
  mke2fs: readonly string[],
  deleted: string,
): Promise<DebianDisk> {
  const start = layout === 'bare' ? 0 : ROOT_START;
  const root = start === 0 ? path : `${path}?offset=${start}`;
  writeFileSync(path, '');
  truncateSync(path, layout === 'bare' ? ROOT_SIZE : DISK_SIZE);
  if (layout !== 'bare') {
    writeTable(path, layout);
    await runTool('mkfs.vfat', [
      ...[
        '-F',
        '16',
        '-i',
        ESP_ID,
        '-n',
        'ESP',
        '--offset',
        String(ESP_START / 512),
        path,
        String(ESP_SIZE / 1024),
      ],
    ]);
    await runTool('mmd', ['-i', `${path}@@${ESP_START}`, '::EFI', '::EFI/BOOT']);
    await runTool('mcopy', [
      '-i',
      `${path}@@${ESP_START}`,
      join(tree.path, 'etc/services'),
      '::EFI/BOOT/a.cfg',
    ]);
    const swap = join(dirname(path), 'swap');
    writeFileSync(swap, '');
    truncateSync(swap, SWAP_SIZE);
    await runTool('mkswap', ['-q', '-L', 'swap', swap]);
    copyInto(swap, path, SWAP_START, 65536); // its header is all that it holds
    rmSync(swap);
  }
  tree.run('mke2fs', [
    ...['-q', '-F', '-L', 'root', '-U', ROOT_UUID, ...mke2fs],
    ...['-E', `offset=${start},hash_seed=${ROOT_UUID},root_owner=0:0`, '-d', tree.path],
    ...[path, `${ROOT_SIZE / 1024}K`],
  ]);
  const script = join(dirname(path), 'delete');
  writeFileSync(script, `write ${deleted} deleted.bin\nrm deleted.bin\n`);
  await runTool('debugfs', ['-w', '-f', script, root]);
  await runTool('e2fsck', ['-fn', root]);
  return { path, start, root };
}

/** The first bytes of the tar, as a build's leftovers: files' content, with zeros between. */
export function makeDeleted(tar: string, path: string, bytes: number): void {
  writeFileSync(path, '');
  copyInto(tar, path, 0, bytes);
}

function copyInto(from: string, to: string, offset: number, bytes: number): void {
  const input = openSync(from, 'r');
  const output = openSync(to, 'r+');
  const piece = Buffer.alloc(4 * MiB);
  for (let at = 0; at < bytes; at += piece.length) {
    const read = readSync(input, piece, 0, Math.min(piece.length, bytes - at), at);
    writeSync(output, piece, 0, read, offset + at);
  }
  closeSync(input);
  closeSync(output);
}

/** Bytes of blocks of `blockSize` in these ranges that are not all zero, read one by one. */
export function countNonZero(
  path: string,
  base: number,
  ranges: readonly { start: number; end: number }[],
  blockSize: number,
): number {
  const zeros = Buffer.alloc(blockSize);
  const piece = Buffer.alloc(8 * MiB);
  const file = openSync(path, 'r');
  let total = 0;
  for (const { start, end } of ranges) {
    for (let at = start; at < end; at += piece.length) {
      const length = readSync(file, piece, 0, Math.min(piece.length, end - at), base + at);
      for (let block = 0; block < length; block += blockSize) {
        if (!piece.subarray(block, block + blockSize).equals(zeros)) total += blockSize;
      }
    }
  }
  closeSync(file);
  return total;
}

/** A disk in another format. */
export interface FormatVariant {
  readonly name: string;
  /** qemu-img's name of the format. */
  readonly format: string;
  /** What the image stores of a block is the block, and all blocks are in its own files. */
  readonly isPlain: boolean;
  /** Makes it in an empty folder; the disk must stay as it is. Returns the image's name there. */
  make(disk: string, folder: string): Promise<string>;
  /** Files in that folder that are not the image's own. */
  readonly backing?: readonly string[];
}

function converted(name: string, format: string, args: readonly string[], isPlain: boolean): FormatVariant {
  return {
    name,
    format,
    isPlain,
    async make(disk, folder) {
      const image = `disk.${format}`;
      await runTool('qemu-img', ['convert', '-f', 'raw', '-O', format, '-W', ...args, disk, image], {
        cwd: folder,
      });
      return image;
    },
  };
}

/**
 * An image over a backing file that is wrong in places and too short: the overlay holds only what differs. The
 * places hold the partition table, the superblock, inode tables, directories and content.
 */
function backed(backing: 'raw' | 'qcow2'): FormatVariant {
  const base = `base.${backing}`;
  const places = [0, 32, 300, 1000, 1700].map((at) => ({ at: at * MiB, length: 3 * MiB }));
  // The backing file ends inside of the swap, where all is zero; the overlay adds the second partition table.
  const end = { at: DISK_SIZE - MiB, length: MiB };
  return {
    name: `qcow2 over ${backing}`,
    format: 'qcow2',
    isPlain: false,
    backing: [base],
    async make(disk, folder) {
      const raw = join(folder, 'base.raw');
      copySparse(disk, raw);
      truncateSync(raw, SWAP_START + 40 * MiB);
      const noise = Buffer.alloc(3 * MiB, 'what the overlay hides; ');
      const file = openSync(raw, 'r+');
      for (const { at, length } of places) writeSync(file, noise, 0, length, at);
      closeSync(file);
      if (backing === 'qcow2') {
        await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-W', raw, join(folder, base)]);
        rmSync(raw);
      }
      const create = [
        'create',
        '-q',
        '-f',
        'qcow2',
        '-b',
        base,
        '-F',
        backing,
        'disk.qcow2',
        String(DISK_SIZE),
      ];
      await runTool('qemu-img', create, { cwd: folder });
      const commands = [...places, end].flatMap(({ at, length }) => {
        const piece = join(folder, `piece-${at}`);
        copyPiece(disk, at, piece, length);
        return ['-c', `write -q -s ${piece} ${at} ${length}`];
      });
      await runTool('qemu-io', ['-f', 'qcow2', ...commands, 'disk.qcow2'], { cwd: folder });
      for (const { at } of [...places, end]) rmSync(join(folder, `piece-${at}`));
      await runTool('qemu-img', [
        'compare',
        '-q',
        '-f',
        'raw',
        '-F',
        'qcow2',
        disk,
        join(folder, 'disk.qcow2'),
      ]);
      return 'disk.qcow2';
    },
  };
}

/** Bytes of a file as a file of their own. */
function copyPiece(from: string, at: number, to: string, length: number): void {
  const input = openSync(from, 'r');
  const bytes = Buffer.alloc(length);
  readSync(input, bytes, 0, length, at);
  closeSync(input);
  writeFileSync(to, bytes);
}

export function copySparse(from: string, to: string): void {
  execFileSync(findTool('cp') ?? 'cp', ['--sparse=always', '--reflink=never', from, to]);
}

const vmdk = (subformat: string, isPlain: boolean): FormatVariant =>
  converted(`VMDK ${subformat}`, 'vmdk', ['-o', `subformat=${subformat}`], isPlain);

export const FORMATS: readonly FormatVariant[] = [
  {
    name: 'raw, dense',
    format: 'raw',
    isPlain: true,
    async make(disk, folder) {
      await runTool('cp', ['--sparse=never', '--reflink=never', disk, join(folder, 'disk.raw')]);
      return 'disk.raw';
    },
  },
  {
    name: 'raw, 4 KiB sectors',
    format: 'raw',
    isPlain: true,
    async make(disk, folder) {
      const path = join(folder, 'disk.raw');
      copySparse(disk, path);
      // The first table must be gone, at both ends, or there are two.
      const file = openSync(path, 'r+');
      writeSync(file, Buffer.alloc(MiB), 0, MiB, 0);
      writeSync(file, Buffer.alloc(MiB), 0, MiB, DISK_SIZE - MiB);
      closeSync(file);
      writeTable(path, 'GPT, 4 KiB sectors');
      return 'disk.raw';
    },
  },
  converted('qcow2', 'qcow2', [], true),
  converted('qcow2 v2', 'qcow2', ['-o', 'compat=0.10'], true),
  converted('qcow2 zlib', 'qcow2', ['-c', '-m', '4'], false),
  converted('qcow2 zstd', 'qcow2', ['-c', '-m', '4', '-o', 'compression_type=zstd'], false),
  converted('qcow2 extended L2', 'qcow2', ['-o', 'extended_l2=on,cluster_size=128k'], true),
  backed('qcow2'),
  backed('raw'),
  converted('qcow2 data file', 'qcow2', ['-o', 'data_file=disk.data,data_file_raw=on'], true),
  vmdk('monolithicSparse', true),
  vmdk('streamOptimized', false),
  vmdk('monolithicFlat', true),
  vmdk('twoGbMaxExtentSparse', true),
  vmdk('twoGbMaxExtentFlat', true),
];

/** Bytes that the host allocates for a file; written out first, or they still change. */
export function allocatedBy(path: string): number {
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
  return statSync(path).blocks * 512;
}
