/** What xfs_db says of XFS, and images that mkfs.xfs fills from a prototype file. Nothing here shares code with src/. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { findTool } from './tools.ts';

/** mkfs.xfs refuses less than 300 MB unless its own test suite asks. */
const ENVIRONMENT = {
  ...process.env,
  LC_ALL: 'C',
  TZ: 'UTC',
  TEST_DIR: '/',
  TEST_DEV: '/',
  QA_CHECK_FS: '1',
};

/** Runs one of xfsprogs; its output as Latin-1, so that no byte of a name is lost. */
export function xfsTool(tool: string, args: readonly string[], input = ''): string {
  return execFileSync(findTool(tool) ?? tool, args, {
    env: ENVIRONMENT,
    input,
    maxBuffer: 1 << 30,
    stdio: ['pipe', 'pipe', 'pipe'],
  }).toString('latin1');
}

/** Runs commands in one process. */
export function xfsDb(image: string, commands: readonly string[]): string {
  return xfsTool('xfs_db', ['-r', image], `${commands.join('\n')}\n`);
}

/** `xfs_repair -n`: throws unless it finds nothing. One group alone has no second superblock to compare with. */
export function xfsCheck(image: string): void {
  xfsTool('xfs_repair', ['-n', '-o', 'force_geometry', image]);
}

export interface XfsSuper {
  readonly blockSize: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly groups: number;
  readonly groupBlocks: number;
  readonly rootInode: number;
  /** As `version` prints it. */
  readonly version: string;
}

export function xfsSuper(image: string): XfsSuper {
  const text = xfsDb(image, ['version', 'sb 0', 'p']);
  const number = (key: string): number => Number(new RegExp(`^${key} = (\\d+)$`, 'm').exec(text)![1]);
  return {
    blockSize: number('blocksize'),
    blocks: number('dblocks'),
    freeBlocks: number('fdblocks'),
    groups: number('agcount'),
    groupBlocks: number('agblocks'),
    rootInode: number('rootino'),
    version: /^versionnum .* = (.*)$/m.exec(text)![1]!,
  };
}

/** Records of the free-space btrees, [start, end) in bytes, neighbours joined; free lists are not among them. */
export function xfsFree(
  image: string,
  { groups, groupBlocks, blockSize }: XfsSuper,
): { start: number; end: number }[] {
  const list = Array.from({ length: groups }, (_, group) => [`agf ${group}`, 'p flcount']).flat();
  const left = [...xfsDb(image, list).matchAll(/flcount = (\d+)/g)].map((match) => Number(match[1]));
  const found: { start: number; end: number }[] = [];
  for (const match of xfsDb(image, ['freesp -d']).matchAll(/^ *(\d+) +(\d+) +(\d+) *$/gm)) {
    const [group, block, length] = match.slice(1).map(Number);
    if (left[group!]!-- > 0) continue; // a group's free list is printed before its records
    const start = (group! * groupBlocks + block!) * blockSize;
    found.push({ start, end: start + length! * blockSize });
  }
  found.sort((a, b) => a.start - b.start);
  return found.filter((range, index) => {
    const next = found[index + 1];
    if (next === undefined || next.start !== range.end) return true;
    next.start = range.start;
    return false;
  });
}

export interface XfsInode {
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly blocks: number;
  readonly modified: number;
  readonly format: string;
  /** Block in the file, fsblock, count, unwritten. */
  readonly extents: readonly (readonly [number, number, number, boolean])[];
}

/** Core and map of every inode, in one process. */
export function xfsInodes(image: string, inodes: readonly number[], withMap = false): Map<number, XfsInode> {
  const fields = ['mode', 'nlinkv2', 'uid', 'gid', 'size', 'nblocks', 'mtime.sec', 'format'];
  const print = `p ${fields.map((field) => `core.${field}`).join(' ')}`;
  const commands = inodes.flatMap((inode) => [`inode ${inode}`, print, ...(withMap ? ['bmap'] : [])]);
  const blocks = xfsDb(image, commands).split(/^(?=core\.mode = )/m);
  const texts = blocks.filter((text) => text.startsWith('core.mode = '));
  if (texts.length !== inodes.length)
    throw new Error(`xfs_db told of ${texts.length} of ${inodes.length} inodes`);
  return new Map(
    inodes.map((inode, index) => {
      const text = texts[index]!;
      const value = (field: string): string => new RegExp(`^core\\.${field} = (.*)$`, 'm').exec(text)![1]!;
      const extents = [
        ...text.matchAll(/^data offset (\d+) startblock (\d+) \(\d+\/\d+\) count (\d+) flag (\d)/gm),
      ];
      return [
        inode,
        {
          mode: Number.parseInt(value('mode'), 8),
          links: Number(value('nlinkv2')),
          uid: Number(value('uid')),
          gid: Number(value('gid')),
          size: Number(value('size')),
          blocks: Number(value('nblocks')),
          modified: Date.parse(`${value('mtime\\.sec')} UTC`) / 1000,
          format: /\((\w+)\)/.exec(value('format'))![1]!,
          extents: extents.map(
            (match) => [Number(match[1]), Number(match[2]), Number(match[3]), match[4] === '1'] as const,
          ),
        },
      ];
    }),
  );
}

/** Every path below the root with its inode, by `ls` of each directory; names as Latin-1. */
export function xfsTree(image: string, rootInode: number): Map<string, number> {
  const found = new Map<string, number>([['/', rootInode]]);
  let level: [string, number][] = [['', rootInode]];
  while (level.length > 0) {
    const text = xfsDb(
      image,
      level.flatMap(([, inode]) => [`inode ${inode}`, 'p core.mode', 'ls']),
    );
    const lists = text.split(/^core\.mode = .*\n/m).slice(1);
    const next: [string, number][] = [];
    for (const [index, list] of lists.entries()) {
      for (const match of list.matchAll(/^\d+ +(\d+) +(\S+) +0x[0-9a-f]+ +\d+ (.*) \(\S+\)$/gm)) {
        const [, inode, type, name] = match;
        if (name === '.' || name === '..') continue;
        const path = `${level[index]![0]}/${name}`;
        found.set(path, Number(inode));
        if (type === 'directory' || type === 'unknown') next.push([path, Number(inode)]);
      }
    }
    // Without ftype an entry does not say what it names.
    const modes = xfsInodes(image, [...new Set(next.map(([, inode]) => inode))]);
    level = next.filter(([, inode]) => (modes.get(inode)!.mode & 0xf000) === 0x4000);
  }
  return found;
}

/** Content of a file by the map that xfs_db prints, read from the image here. */
export function xfsContent(image: string, inode: XfsInode, { blockSize, groupBlocks }: XfsSuper): Buffer {
  const content = Buffer.alloc(inode.size);
  const span = 2 ** Math.ceil(Math.log2(groupBlocks));
  const file = openSync(image, 'r');
  for (const [offset, fsblock, count, isUnwritten] of inode.extents) {
    if (isUnwritten) continue;
    const place = Math.floor(fsblock / span) * groupBlocks + (fsblock % span);
    const start = offset * blockSize;
    const length = Math.min(count * blockSize, content.length - start);
    if (length > 0) readSync(file, content, start, length, place * blockSize);
  }
  closeSync(file);
  return content;
}
