/** Runs the optimizer without its command, and makes the disks that it is tried on. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { OptimizeResult } from '../../src/optimize/books.ts';
import { optimize } from '../../src/optimize/optimize.ts';
import type { OptimizeOptions } from '../../src/optimize/options.ts';
import { createRegistry } from '../../src/registry.ts';
import { BUILT_IN_WRITERS } from '../../src/writers.ts';
import { runTool, runToolSync } from './tools.ts';

export const MiB = 1024 * 1024;
export const ESP_START = MiB;
export const ESP_SIZE = 8 * MiB;
export const ROOT_START = ESP_START + ESP_SIZE;
export const ROOT_SIZE = 48 * MiB;
export const SWAP_START = ROOT_START + ROOT_SIZE;
export const SWAP_SIZE = 4 * MiB;
export const DISK_SIZE = SWAP_START + SWAP_SIZE + MiB;
const BLOCK = 4096;

export type Overrides = Partial<Omit<OptimizeOptions, 'output'>> & {
  readonly threads?: number;
  readonly signal?: AbortSignal;
};

/** `optimize` with the command's defaults. `output` null is a dry run. */
export function run(
  input: string,
  output: string | null,
  { threads = 2, signal, ...rest }: Overrides = {},
): Promise<OptimizeResult> {
  const registry = createRegistry([], BUILT_IN_WRITERS);
  return optimize(
    input,
    {
      drivers: registry,
      writers: registry.writers,
      followOutside: false,
      output: output === null ? null : { path: output },
      keepUnused: [],
      dropSwap: true,
      dropSnapshots: false,
      keepBacking: false,
      verify: true,
      force: false,
      ...rest,
    },
    new RunContext({ log: new DiagnosticLog(), threads, ...(signal === undefined ? {} : { signal }) }),
  );
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function hashOf(path: string): string {
  return sha256(readFileSync(path));
}

/** Bytes that no compressor shrinks, the same for the same seed. */
export function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at + 4 <= length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, at);
  }
  return bytes;
}

/** Text that compresses, in which every stretch tells where it is from. */
export function prose(length: number, name: string): Buffer {
  const lines: string[] = [];
  for (let at = 0; at < length; at += 40)
    lines.push(`${name} ${at.toString(16).padStart(8, '0')}`.padEnd(39, '.'));
  return Buffer.from(lines.join('\n')).subarray(0, length);
}

export interface GuestDisk {
  readonly path: string;
  /** SHA-256 by path in the root filesystem. */
  readonly files: ReadonlyMap<string, string>;
  /** Free blocks of the root filesystem, by dumpe2fs: first and last, in bytes of the disk. */
  readonly free: readonly { start: number; end: number }[];
}

/**
 * GPT with an ESP, an ext4 root and swap. Everything that is unused by dumpe2fs, the pages of swap behind its
 * first and a deleted file on the ESP hold noise; so does the gap before the first partition, which must stay.
 */
export async function makeGuestDisk(folder: string, features = ''): Promise<GuestDisk> {
  mkdirSync(folder, { recursive: true });
  const tree = join(folder, 'tree');
  const files = new Map<string, string>();
  for (const [name, bytes] of guestFiles()) {
    mkdirSync(join(tree, name, '..'), { recursive: true });
    writeFileSync(join(tree, name), bytes);
    files.set(name, sha256(bytes));
  }
  const root = join(folder, 'root.ext4');
  const extra = features === '' ? [] : ['-O', features];
  await runTool('mke2fs', [
    '-q',
    '-b',
    String(BLOCK),
    '-t',
    'ext4',
    '-L',
    'root',
    '-d',
    tree,
    ...extra,
    root,
    `${ROOT_SIZE / 1024}k`,
  ]);
  // debugfs of 1.47 does not dump inline data: such files are held against what it makes of the original.
  if (features.includes('inline_data'))
    for (const [name, hash] of await debugfsFiles(root)) files.set(name, hash);
  const esp = join(folder, 'esp.fat');
  writeFileSync(esp, '');
  truncateSync(esp, ESP_SIZE);
  await runTool('mkfs.fat', ['-n', 'ESP', esp]);
  const kept = join(folder, 'kept.efi');
  writeFileSync(kept, prose(300_000, 'kept.efi'));
  writeFileSync(join(folder, 'gone.efi'), noise(900_000, 77));
  await runTool('mcopy', ['-i', esp, join(folder, 'gone.efi'), '::gone.efi']);
  await runTool('mcopy', ['-i', esp, kept, '::kept.efi']);
  await runTool('mdel', ['-i', esp, '::gone.efi']);
  const swap = join(folder, 'swap');
  writeFileSync(swap, '');
  truncateSync(swap, SWAP_SIZE);
  await runTool('mkswap', ['-q', '-L', 'swap', swap]);

  const path = join(folder, 'disk.raw');
  writeFileSync(path, '');
  truncateSync(path, DISK_SIZE);
  const sectors = (bytes: number): number => bytes / 512;
  const script = `label: gpt
start=${sectors(ESP_START)}, size=${sectors(ESP_SIZE)}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=${sectors(ROOT_START)}, size=${sectors(ROOT_SIZE)}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
start=${sectors(SWAP_START)}, size=${sectors(SWAP_SIZE)}, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F
`;
  runToolSync('sfdisk', ['-q', path], Buffer.from(script));
  const free = (await freeBlocks(root)).map(([first, last]) => ({
    start: ROOT_START + first * BLOCK,
    end: ROOT_START + (last + 1) * BLOCK,
  }));
  const disk = openSync(path, 'r+');
  const put = (bytes: Uint8Array, offset: number): void =>
    void writeSync(disk, bytes, 0, bytes.length, offset);
  put(readFileSync(esp), ESP_START);
  put(readFileSync(root), ROOT_START);
  put(readFileSync(swap), SWAP_START);
  put(noise(SWAP_SIZE - 128 * 1024, 3), SWAP_START + 128 * 1024);
  put(noise(64 * 1024, 4), 512 * 1024); // a boot loader's place
  for (const { start, end } of free) put(noise(end - start, start), start);
  closeSync(disk);
  return { path, files, free };
}

function guestFiles(): [string, Buffer][] {
  const files: [string, Buffer][] = [
    ['etc/fstab', Buffer.from('LABEL=root / ext4 defaults 0 1\n')],
    ['etc/os-release', Buffer.from('ID=debian\n')],
    ['usr/lib/library.so', prose(3 * MiB, 'library')],
    ['usr/share/packed.bin', noise(2 * MiB + 123, 9)],
    ['var/empty', Buffer.alloc(0)],
    ['var/zeros', Buffer.alloc(MiB)],
  ];
  for (let i = 0; i < 60; i++) files.push([`usr/share/doc/${i}/readme`, prose(1000 + i * 777, `doc ${i}`)]);
  return files;
}

/** Free blocks as dumpe2fs prints them: `Free blocks: 1-3, 7, 9-12` of every group. */
export async function freeBlocks(image: string): Promise<[number, number][]> {
  const text = await runTool('dumpe2fs', [image]);
  const ranges: [number, number][] = [];
  for (const [, list] of text.matchAll(/^ {2}Free blocks: (.*)$/gm)) {
    for (const part of list!.split(', ').filter((one) => one !== '')) {
      const [first, last] = part.split('-').map(Number);
      ranges.push([first!, last ?? first!]);
    }
  }
  return ranges;
}

/** Cuts a part out of a raw image. */
export function carve(path: string, start: number, size: number, target: string): string {
  writeFileSync(target, readFileSync(path).subarray(start, start + size));
  return target;
}

/** SHA-256 of every file of an ext filesystem, by debugfs. */
export async function debugfsFiles(image: string): Promise<Map<string, string>> {
  const dump = `${image}.tree`;
  mkdirSync(dump, { recursive: true });
  await runTool('debugfs', ['-R', `rdump / ${dump}`, image]);
  const found = new Map<string, string>();
  for (const name of readdirSync(dump, { recursive: true, encoding: 'utf8' })) {
    if (statSync(join(dump, name)).isFile()) found.set(name, hashOf(join(dump, name)));
  }
  return found;
}
