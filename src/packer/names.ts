/**
 * What results are called. They lie beside the image, so that one glob of Packer's `artifice` finds them, and a
 * second run finds what the first one left.
 */
import { basename, dirname, extname, join } from 'node:path';

/** qemu-img's names of formats whose files are called otherwise. */
const EXTENSIONS: Record<string, string> = { vpc: 'vhd', vhd: 'vhd' };
/** What may stand behind the name of an image; everything else is part of it (`debian-12.5`). */
const KNOWN = new Set([
  '.qcow2',
  '.qcow',
  '.img',
  '.raw',
  '.vmdk',
  '.vhd',
  '.vhdx',
  '.vdi',
  '.ova',
  '.ovf',
  '.box',
  '.iso',
]);

/** Endings of compressed files; the name in front of them is the image's. */
const COMPRESSED = /\.(?:zst|gz)$/i;

function stemOf(path: string): { readonly stem: string; readonly extension: string } {
  const name = basename(path).replace(COMPRESSED, '');
  const extension = extname(name);
  return KNOWN.has(extension.toLowerCase())
    ? { stem: basename(name, extension), extension }
    : { stem: name, extension: '' };
}

/** `out/debian` → `out/debian.optimized.qcow2`; an extension that fits the format stays as it is. */
export function optimizedPath(path: string, format: string, from: string): string {
  const { stem, extension } = stemOf(path);
  const wanted = format === from && extension !== '' ? extension : `.${EXTENSIONS[format] ?? format}`;
  return join(dirname(path), `${stem}.optimized${wanted}`);
}

/** Where the small image goes when it takes the place of the other: under its name, as far as the format allows. */
export function replacedPath(path: string, format: string, from: string): string {
  const { stem, extension } = stemOf(path);
  if (format === from || extension === '') return join(dirname(path), `${stem}${extension}`);
  return join(dirname(path), `${stem}.${EXTENSIONS[format] ?? format}`);
}

export function reportPath(path: string): string {
  return `${path}.imgopt.json`;
}

export function checksumPath(path: string): string {
  return `${path}.sha256`;
}

const RESULT_ENDINGS = /^(?:\.imgopt\.json|\.(?:zst|gz)(?:\.sha256)?|\.sha256)$/;

/** Whether `path` is called as a result of the image `of` is: what an earlier run of ours left. */
export function isResultOf(path: string, of: string): boolean {
  if (path === of || dirname(path) !== dirname(of)) return false;
  const name = basename(path);
  if (name.startsWith(`${stemOf(of).stem}.optimized.`)) return true;
  if (!name.startsWith(basename(of))) return false;
  return RESULT_ENDINGS.test(name.slice(basename(of).length));
}
