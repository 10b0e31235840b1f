/** What debugfs and dumpe2fs say of ext2, ext3 and ext4. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, runToolSync } from './tools.ts';

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

/** Runs commands in one process, returns the output of each; `image?offset=N` is a filesystem inside of a disk. */
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

/** `stat` of every inode, in one process. */
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

/** What dumpe2fs knows of an image; `image?offset=N` for a filesystem inside of a disk. */
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

/** The free ranges in bytes, half-open, neighbours joined. */
export function freeExtents({ free, blockSize }: Dumpe2fs): { start: number; end: number }[] {
  const extents: { start: number; end: number }[] = [];
  for (const [from, to] of free) {
    const range = { start: from * blockSize, end: (to + 1) * blockSize };
    const last = extents.at(-1);
    if (last !== undefined && last.end === range.start) last.end = range.end;
    else extents.push(range);
  }
  return extents;
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
