/**
 * An OVF descriptor beside disks that became smaller. It says how large each file is (`<File ovf:href ovf:size>`,
 * DSP0243 7.1), and the manifest beside it (`NAME.mf`, DSP0243 6.4) holds digests of descriptor and disks: both are
 * checked on import, so both are corrected. The rest of the descriptor stays as its writer made it, byte for byte.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { corrupt, system, unsupported } from '../core/errors.ts';
import { MAX_CONTAINER_TEXT_BYTES } from '../core/limits.ts';
import type { Step } from './options.ts';
import { writeText } from './write-text.ts';

/** A disk that took the place of another. */
export interface ReplacedDisk {
  /** As the descriptor calls it. */
  readonly from: string;
  readonly path: string;
}

const FILE_ELEMENT = /<(?:[A-Za-z_][\w.-]*:)?File\s[^<>]*>/g;
const DIGEST_LINE = /^(SHA1|SHA256|SHA512)\s*\(([^)]*)\)(\s*=\s*)[0-9a-f]+(\s*)$/i;

/** What a descriptor's own manifest and certificate are called. */
const besides = (path: string, extension: string): string =>
  join(dirname(path), `${basename(path).replace(/\.ovf$/i, '')}.${extension}`);

/**
 * Before anything is done.
 * @param format that disks are to have; their own when undefined
 * @throws ImgoptError `unsupported` for a signed descriptor (what is corrected is not what was signed) and for steps
 *   after which a disk is none that OVF knows
 */
export async function assertChangeable(
  path: string,
  steps: readonly Step[],
  format: string | undefined,
): Promise<void> {
  if (steps.includes('optimize') && format !== undefined && format !== 'vmdk') {
    throw unsupported('OVF_FORMAT', `cannot name a ${format} disk`, {
      where: [path],
      advice: 'keep the input (keep_input: true), or leave the format out',
    });
  }
  if (steps.includes('compress')) {
    throw unsupported('OVF_COMPRESSED', 'cannot name a disk that is compressed as a whole', {
      where: [path],
      advice: 'keep the input (keep_input: true), or leave the step compress out',
    });
  }
  if (await isThere(besides(path, 'cert'))) {
    throw unsupported('OVF_SIGNED', 'is signed: its disks cannot be replaced', {
      where: [path],
      advice: 'keep the input (keep_input: true), or sign it after imgopt',
    });
  }
}

/**
 * Corrects sizes and names in the descriptor, and digests in its manifest where there is one. Disks that it does not
 * name are another machine's.
 * @throws ImgoptError `system` when the host refuses
 */
export async function updateOvf(path: string, disks: readonly ReplacedDisk[]): Promise<void> {
  let text = await readSmall(path);
  for (const { from, path: disk } of disks) {
    const { size } = await stat(disk);
    text = text.replace(FILE_ELEMENT, (element) => {
      if (attribute(element, 'href') !== from) return element;
      return withAttribute(withAttribute(element, 'size', String(size)), 'href', escapeXml(basename(disk)));
    });
  }
  await writeText(path, text);
  const manifest = besides(path, 'mf');
  if (await isThere(manifest)) await updateDigests(manifest, path, disks);
}

async function updateDigests(
  manifest: string,
  descriptor: string,
  disks: readonly ReplacedDisk[],
): Promise<void> {
  const changed = new Map([
    [basename(descriptor), descriptor],
    ...disks.map(({ from, path }) => [from, path] as const),
  ]);
  const lines = (await readSmall(manifest)).split('\n');
  for (const [index, line] of lines.entries()) {
    const match = DIGEST_LINE.exec(line);
    const path = match === null ? undefined : changed.get(match[2]!);
    if (match === null || path === undefined) continue;
    const [, algorithm, , equals, end] = match;
    lines[index] = `${algorithm}(${basename(path)})${equals}${await digestOf(path, algorithm!)}${end}`;
  }
  await writeText(manifest, lines.join('\n'));
}

/** Value of an attribute in whatever namespace prefix, unescaped. */
function attribute(element: string, name: string): string | undefined {
  const match = new RegExp(`\\s(?:[\\w.-]+:)?${name}\\s*=\\s*("[^"]*"|'[^']*')`).exec(element);
  return match === null ? undefined : unescapeXml(match[1]!.slice(1, -1));
}

function withAttribute(element: string, name: string, value: string): string {
  const pattern = new RegExp(`(\\s(?:[\\w.-]+:)?${name}\\s*=\\s*)("[^"]*"|'[^']*')`);
  return element.replace(pattern, (_, before: string) => `${before}"${value}"`);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}

async function readSmall(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_CONTAINER_TEXT_BYTES)
      throw corrupt('OVF_TOO_LARGE', `is ${size} bytes long`, { where: [path] });
    return await readFile(path, 'utf8');
  } catch (error) {
    throw system(error, [path]);
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function digestOf(path: string, algorithm: string): Promise<string> {
  const hash = createHash(algorithm.toLowerCase());
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
      hash.update(chunk as Buffer);
  } catch (error) {
    throw system(error, [path]);
  }
  return hash.digest('hex');
}
