/** Images of ext2, ext3 and ext4 made by mke2fs and debugfs, and what debugfs and dumpe2fs say of them. */
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { runTool, runToolSync } from '../support/tools.ts';

/** Bytes that say where they belong: a wrong offset is legible. */
export function payload(tag: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 16) {
    bytes.write(`${tag.slice(0, 4).padEnd(4)}${at.toString(16).padStart(11, '0')}\n`, at, 'latin1');
  }
  return bytes;
}

/** A tree of everything that a filesystem holds, but for what only debugfs can make. */
export function makeTree(root: string): void {
  const file = (name: string, length: number): void => writeFileSync(join(root, name), payload(name, length));
  mkdirSync(root);
  writeFileSync(join(root, 'empty'), '');
  file('tiny', 40);
  file('inline', 130);
  file('small', 1000);
  file('block', 4096);
  file('medium', 70_000);
  file('big', 2_500_000);
  file('holes', 1_500_000);
  const sparse = openSync(join(root, 'sparse'), 'w');
  writeSync(sparse, payload('spar', 5000), 0, 5000, 0);
  writeSync(sparse, payload('midd', 5000), 0, 5000, 700_001);
  writeSync(sparse, payload('last', 777), 0, 777, 2_900_000);
  ftruncateSync(sparse, 3_000_000);
  closeSync(sparse);
  for (const length of [1, 58, 59, 60, 61, 300, 900])
    symlinkSync('t'.repeat(length), join(root, `link${length}`));
  linkSync(join(root, 'medium'), join(root, 'hard'));
  mkdirSync(join(root, 'few'));
  file('few/a', 10);
  file('few/b', 20);
  mkdirSync(join(root, 'deep'));
  let path = join(root, 'deep');
  for (let level = 0; level < 12; level++) {
    path = join(path, `level-${level}`);
    mkdirSync(path);
    writeFileSync(join(path, 'leaf'), payload(`l${level}`, 100 * level));
  }
  linkSync(join(root, 'medium'), join(path, 'hard too'));
  mkdirSync(join(root, 'many'));
  for (let i = 0; i < 500; i++) {
    const name = `entry-${i}-${'x'.repeat((i * 7) % 90)}`;
    writeFileSync(join(root, 'many', name), i % 10 === 0 ? payload(name, i) : '');
  }
  mkdirSync(join(root, 'names'));
  for (const name of [
    'n'.repeat(255),
    'sp ace',
    'ünïcödé ☃',
    '-rf',
    '\x01\x1b[31m',
    '..x',
    '.x',
    'back\\slash',
  ]) {
    writeFileSync(join(root, 'names', name), name);
  }
  utimesSync(join(root, 'small'), 1_000_000_000, 1_234_567_890);
}

export interface ImageOptions {
  /** Arguments of mke2fs beside the tree, the image and its size. */
  readonly mke2fs: readonly string[];
  readonly size: string;
  readonly eaInode?: boolean;
  /** No extended attributes: debugfs refuses them without ext_attr. */
  readonly noAttributes?: boolean;
}

/** Makes an image of the tree, adds what debugfs can write, and has e2fsck index its directories. */
export async function makeImage(
  folder: string,
  tree: string,
  path: string,
  options: ImageOptions,
): Promise<void> {
  await runTool('mke2fs', ['-q', '-F', '-d', tree, ...options.mke2fs, path, options.size]);
  writeFileSync(join(folder, 'value'), payload('attr', 700));
  writeFileSync(join(folder, 'large value'), payload('eain', 9000));
  const punches: string[] = [];
  for (let block = 3; block < 340; block += 2) punches.push(`punch holes ${block} ${block}`);
  const commands = [
    'mknod character c 5 1',
    'mknod block-device b 8 17',
    'mknod fifo p',
    'sif small uid 100000',
    'sif small gid 70001',
    'sif tiny mode 0106755',
    ...punches,
    'fallocate empty 2 40',
    ...(options.noAttributes
      ? []
      : [
          'ea_set block user.one 1',
          `ea_set -f "${join(folder, 'value')}" medium user.value`,
          `ea_set -f "${join(folder, 'value')}" few user.value`,
          `ea_set -f "${join(folder, 'value')}" link58 user.value`,
        ]),
    ...(options.eaInode ? [`ea_set -f "${join(folder, 'large value')}" big user.large`] : []),
  ];
  const script = join(folder, 'commands');
  writeFileSync(script, `${commands.join('\n')}\n`);
  await runTool('debugfs', ['-w', '-f', script, path]);
  try {
    runToolSync('e2fsck', ['-fyD', path]);
  } catch (error) {
    if (((error as { status?: number }).status ?? 8) > 1) throw error; // 1: errors corrected
  }
  runToolSync('e2fsck', ['-fn', path]);
}

export interface DebugfsInode {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  links: number;
  sectors: number;
  mtime: number;
  fastLink: string | undefined;
}

/** Runs commands, returns the output of each. */
export async function debugfs(folder: string, image: string, commands: readonly string[]): Promise<string[]> {
  const script = join(folder, 'queries');
  writeFileSync(script, `${commands.join('\n')}\n`);
  const output = runToolSync('debugfs', ['-f', script, image]).toString('latin1');
  return output.split(/^debugfs: .*\n/m).slice(1);
}

export interface DebugfsEntry {
  path: string;
  inode: number;
}

/** Every path and inode below the root, by repeated `ls -p`; names as Latin-1, so that no byte is lost. */
export async function debugfsTree(folder: string, image: string): Promise<DebugfsEntry[]> {
  const entries: DebugfsEntry[] = [];
  let level: DebugfsEntry[] = [{ path: '', inode: 2 }];
  while (level.length > 0) {
    const lists = await debugfs(
      folder,
      image,
      level.map(({ inode }) => `ls -p <${inode}>`),
    );
    const next: DebugfsEntry[] = [];
    lists.forEach((list, index) => {
      for (const match of list.matchAll(/^\/(\d+)\/(\d+)\/(\d+)\/(\d+)\/(.*)\/(\d*)\/$/gm)) {
        const name = match[5]!;
        if (name === '.' || name === '..' || match[1] === '0') continue;
        const entry = { path: `${level[index]!.path}/${name}`, inode: Number(match[1]) };
        entries.push(entry);
        if (match[2]!.startsWith('04')) next.push(entry);
      }
    });
    level = next;
  }
  return entries;
}

export async function debugfsStat(
  folder: string,
  image: string,
  inodes: readonly number[],
): Promise<Map<number, DebugfsInode>> {
  const outputs = await debugfs(
    folder,
    image,
    inodes.map((inode) => `stat <${inode}>`),
  );
  const found = new Map<number, DebugfsInode>();
  outputs.forEach((text, index) => {
    const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
    const time = /mtime: 0x([0-9a-f]+)(?::([0-9a-f]+))?/.exec(text)!;
    const epoch = time[2] === undefined ? 0 : Number.parseInt(time[2], 16) & 3;
    found.set(inodes[index]!, {
      type: /Type: (.*?)\s+Mode/.exec(text)![1]!,
      mode: Number.parseInt(/Mode:\s+(\d+)/.exec(text)![1]!, 8),
      uid: number(/User:\s+(\d+)/),
      gid: number(/Group:\s+(\d+)/),
      size: number(/Size: (\d+)/),
      links: number(/Links: (\d+)/),
      sectors: number(/Blockcount: (\d+)/),
      mtime: (Number.parseInt(time[1]!, 16) | 0) + epoch * 2 ** 32,
      fastLink: /Fast link dest: "(.*)"/.exec(text)?.[1],
    });
  });
  return found;
}

export interface Dumpe2fs {
  features: string[];
  blockSize: number;
  blocks: number;
  freeBlocks: number;
  /** Inclusive ranges of blocks. */
  free: [number, number][];
  text: string;
}

export async function dumpe2fs(image: string): Promise<Dumpe2fs> {
  const text = await runTool('dumpe2fs', [image]);
  const number = (pattern: RegExp): number => Number(pattern.exec(text)![1]);
  // With bigalloc a range is printed from the first block of its first cluster to that of its last.
  const clusterBytes = Number(/^Cluster size:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  const rest = clusterBytes === 0 ? 0 : clusterBytes / number(/^Block size:\s+(\d+)/m) - 1;
  const free: [number, number][] = [];
  for (const [, list] of text.matchAll(/^ {2}Free blocks: (.*)$/gm)) {
    for (const [, from, to] of list!.matchAll(/(\d+)(?:-(\d+))?/g))
      free.push([Number(from), Number(to ?? from) + rest]);
  }
  return {
    features: /^Filesystem features:\s+(.*)$/m.exec(text)![1]!.trim().split(/\s+/),
    blockSize: number(/^Block size:\s+(\d+)/m),
    blocks: number(/^Block count:\s+(\d+)/m),
    freeBlocks: number(/^Free blocks:\s+(\d+)/m),
    free,
    text,
  };
}

/** Content as debugfs reads it. */
export async function debugfsContent(
  folder: string,
  image: string,
  inodes: readonly number[],
): Promise<Map<number, Buffer>> {
  await debugfs(
    folder,
    image,
    inodes.map((inode) => `dump <${inode}> "${join(folder, `content-${inode}`)}"`),
  );
  return new Map(inodes.map((inode) => [inode, readFileSync(join(folder, `content-${inode}`))]));
}
