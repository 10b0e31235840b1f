/**
 * A folder as a prototype file for `mkfs.xfs -p` (mkfs.xfs(8)): how a full system gets into an XFS image without a
 * mount. The format has no sticky bit and no hard links (each name becomes a file of its own), and no names with
 * blanks, called `$` or beginning with `:`; devices and sockets are left out as well.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs a tool as whoever sees the folder's real owners (root, or fakeroot). */
export type RunTool = (tool: string, args: readonly string[]) => Buffer;

export interface PrototypeEntry {
  /** Below the folder, without a leading slash; empty for the folder itself. */
  readonly path: string;
  /** `find -printf %y`: d, f, l or p. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Target of a symbolic link. */
  readonly target: string;
}

/** Writes the prototype of `folder` to `path`; names as Latin-1. @returns what it describes, directories first */
export function writePrototype(folder: string, path: string, run: RunTool): PrototypeEntry[] {
  const format = ['%P', '%y', '%m', '%U', '%G', '%s', '%l'].map((field) => `${field}\\0`).join('');
  const fields = run('find', [folder, '-printf', format]).toString('latin1').split('\0');
  const children = new Map<string, PrototypeEntry[]>();
  const entries: PrototypeEntry[] = [];
  for (let at = 0; at + 7 <= fields.length; at += 7) {
    const [name, type, mode, uid, gid, size, target] = fields.slice(at, at + 7) as [string, ...string[]];
    const entry: PrototypeEntry = {
      path: name,
      type: type!,
      mode: Number.parseInt(mode!, 8),
      uid: Number(uid),
      gid: Number(gid),
      size: Number(size),
      target: target!,
    };
    if (name === '') {
      entries.push(entry);
      continue;
    }
    const parent = name.slice(0, Math.max(0, name.lastIndexOf('/')));
    children.set(parent, [...(children.get(parent) ?? []), entry]);
  }
  const root = entries[0]!;
  const lines = ['/none', '0 0', `d--${octal(root)} ${root.uid} ${root.gid}`];
  const describe = (parent: string): void => {
    for (const entry of children.get(parent) ?? []) {
      const name = entry.path.slice(parent === '' ? 0 : parent.length + 1);
      if (/[\s]|^:|^\$$/.test(name) || !'dflp'.includes(entry.type) || /\s/.test(entry.target)) continue;
      const letter = entry.type === 'f' ? '-' : entry.type;
      const flags = `${entry.mode & 0o4000 ? 'u' : '-'}${entry.mode & 0o2000 ? 'g' : '-'}`;
      const content =
        entry.type === 'f' ? ` ${join(folder, entry.path)}` : entry.type === 'l' ? ` ${entry.target}` : '';
      entries.push(entry);
      lines.push(`${name} ${letter}${flags}${octal(entry)} ${entry.uid} ${entry.gid}${content}`);
      if (entry.type !== 'd') continue;
      describe(entry.path);
      lines.push('$');
    }
  };
  describe('');
  lines.push('$', '');
  writeFileSync(path, lines.join('\n'), 'latin1');
  return entries;
}

const octal = ({ mode }: PrototypeEntry): string => (mode & 0o777).toString(8).padStart(3, '0');
