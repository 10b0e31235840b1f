/**
 * Which of Packer's three languages a template is written in, by what it holds: HCL2, HCL2 as JSON (`*.pkr.json`), or
 * JSON as Packer before 1.7 had it.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { system, unreadable, usage } from '../core/errors.ts';
import { asObject } from '../core/json.ts';
import { MAX_TEMPLATE_PROBE_BYTES } from '../core/limits.ts';
import { compareText } from '../core/text.ts';

export type TemplateKind = 'hcl2' | 'hcl2-json' | 'json';

export interface TemplateAtHand {
  readonly path: string;
  readonly kind: TemplateKind;
}

/** Null for what is no template. */
export function templateKind(name: string, text: string): TemplateKind | null {
  if (/\.hcl$/i.test(name)) return 'hcl2';
  if (!/\.json$/i.test(name))
    return /^\s*(?:packer|source|build|variable|locals)\b/m.test(text) ? 'hcl2' : null;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return null; // broken JSON is no template to write a snippet for
  }
  const it = asObject(document);
  if (Array.isArray(it?.builders)) return 'json';
  return it?.build !== undefined || it?.source !== undefined ? 'hcl2-json' : null;
}

/**
 * The template that a path names, or the first in a folder.
 * @throws ImgoptError `unreadable` when there is nothing there, `usage` when it is no template
 */
export async function findTemplate(path: string): Promise<TemplateAtHand> {
  const isFolder = await stat(path).then(
    (one) => one.isDirectory(),
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw system(error, [path]);
      throw unreadable('NOT_FOUND', 'no such file', { where: [path], advice: 'check the path' });
    },
  );
  const names = isFolder ? (await readdir(path)).sort(compareText).map((name) => join(path, name)) : [path];
  const wanted = isFolder ? names.filter((name) => /\.(?:pkr\.hcl|json)$/i.test(name)) : names;
  for (const name of wanted) {
    const { size } = await stat(name);
    if (size > MAX_TEMPLATE_PROBE_BYTES) continue;
    const text = await readFile(name, 'utf8').catch((error: unknown) => {
      throw system(error, [name]);
    });
    const kind = templateKind(name, text);
    if (kind !== null) return { path: name, kind };
  }
  throw usage('NO_TEMPLATE', 'there is no Packer template', {
    where: [path],
    advice: 'name a .pkr.hcl, .pkr.json or .json template',
  });
}
