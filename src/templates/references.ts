/** What a path in a template leads to: Packer takes it from where it runs, people often from the template's folder. */
import { isAbsolute, join, relative } from 'node:path';
import { foldersAbove, isFile, namesIn } from './files.ts';
import type { Template } from './model.ts';
import { HOLE } from './text.ts';
import { toText, type Value } from './value.ts';

/** Files that a path in a template means; a dynamic part stands for any name. */
export function filesOf(template: Template, value: Value): { found: string[]; isKnown: boolean } {
  const path = toText(value).text;
  if (path === '' || path === HOLE) return { found: [], isKnown: false };
  const isKnown = !path.includes(HOLE);
  const bases = isAbsolute(path)
    ? ['/']
    : ['.', template.folder, ...foldersAbove(join(template.folder, 'x'), 6)];
  for (const base of bases) {
    const whole = base === '.' || isAbsolute(path) ? path : join(base, path);
    if (isKnown) {
      if (isFile(whole)) return { found: [shown(whole)], isKnown };
      continue;
    }
    const found = matching(whole);
    if (found.length > 0) return { found: found.map(shown), isKnown };
  }
  return { found: [], isKnown };
}

function shown(path: string): string {
  const from = relative('.', path);
  return from.startsWith('..') ? path : from;
}

/** Files below the first folder without a dynamic part, whose names match. */
function matching(path: string): string[] {
  const parts = path.split('/');
  const fixed = parts.findIndex((part) => part.includes(HOLE));
  // A file whose name is wholly unknown could be any.
  if (fixed < 0 || parts.at(-1) === HOLE) return [];
  let found = [parts.slice(0, fixed).join('/') || (path.startsWith('/') ? '/' : '.')];
  for (const part of parts.slice(fixed)) {
    const pattern = new RegExp(
      `^${part
        .split(HOLE)
        .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
        .join('[^/]*')}$`,
    );
    found = found.flatMap((folder) =>
      namesIn(folder)
        .filter(({ name }) => pattern.test(name))
        .map(({ name }) => join(folder, name)),
    );
    if (found.length > MAX_MATCHES) return [];
  }
  return found.filter(isFile);
}

/** A dynamic path that fits more files than this says nothing. */
const MAX_MATCHES = 64;
