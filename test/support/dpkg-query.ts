/** Who owns what in a tree of files, as dpkg-query says. */
import { lstatSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { runTool } from './tools.ts';

/** Paths of `dpkg-query -L`. A line below a path tells where it was diverted to, when it was. */
function listed(text: string): string[] {
  const paths: string[] = [];
  for (const line of text.split('\n')) {
    const diverted = /^(?:locally diverted|diverted by .*) to: (.*)$/.exec(line)?.[1];
    if (diverted !== undefined) paths[paths.length - 1] = diverted;
    else if (line.startsWith('/')) paths.push(line);
  }
  return paths;
}

/** Where a folder of the guest lies: links followed inside the tree, as the guest would. */
function inTree(tree: string, path: string): string | undefined {
  let at = '';
  const parts = path.split('/').filter((part) => part !== '');
  for (let budget = 400; parts.length > 0 && budget > 0; budget--) {
    const part = parts.shift()!;
    if (part === '..') {
      at = dirname(at) === '/' || dirname(at) === '.' ? '' : dirname(at);
      continue;
    }
    if (part === '.') continue;
    const stat = lstatSync(`${tree}${at}/${part}`, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) {
      const target = readlinkSync(`${tree}${at}/${part}`);
      if (target.startsWith('/')) at = '';
      parts.unshift(...target.split('/').filter((one) => one !== ''));
    } else at = `${at}/${part}`;
  }
  return at;
}

/**
 * Owners (`name:architecture`) of every path of the tree that a package lists, folders included. Links of the
 * folders above a path are followed, so that it stands where the filesystem holds it (usr-merge).
 */
export async function ownersByPath(tree: string): Promise<Map<string, Set<string>>> {
  const query = (args: readonly string[]) =>
    runTool('dpkg-query', [`--admindir=${tree}/var/lib/dpkg`, ...args]);
  const folders = new Map<string, string | undefined>();
  const owned = new Map<string, Set<string>>();
  const fields = ['binary:Package', 'Package', 'Architecture'].map((field) => `\${${field}}`).join(' ');
  for (const line of (await query(['-W', '-f', `${fields}\\n`])).trim().split('\n')) {
    const [binary, name, architecture] = line.split(' ');
    for (const path of listed(await query(['-L', binary!]))) {
      const folder = dirname(path);
      if (!folders.has(folder)) folders.set(folder, inTree(tree, folder));
      const real = folders.get(folder);
      if (real === undefined) continue;
      const place = path === '/.' ? '/' : `${real}/${basename(path)}`;
      if (lstatSync(tree + place, { throwIfNoEntry: false }) === undefined) continue;
      const owners = owned.get(place) ?? new Set();
      owned.set(place, owners.add(`${name}:${architecture}`));
    }
  }
  return owned;
}
