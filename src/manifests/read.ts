/**
 * Reads what stands for an artifact instead of an image. The first bytes decide whether it can be a manifest at
 * all (text that parses as what a reader knows); what is none is left to the image formats, some of which are text
 * too (VMDK descriptors).
 */
import type { Report } from '../core/contracts/report.ts';
import { corrupt, locate, unsupported } from '../core/errors.ts';
import { MAX_MANIFEST_BYTES } from '../core/limits.ts';
import { formatSize } from '../core/size.ts';
import { looksLikeText } from '../core/text.ts';
import { type FileSource, openFileSource } from '../sources/file.ts';

export interface Manifest {
  readonly kind: 'report' | 'manifest';
  readonly report: Report;
}

const HEAD_BYTES = 4096;

/**
 * @param path a host file
 * @returns undefined when it is no manifest that imgopt knows
 * @throws ImgoptError when it cannot be read, or is one and is broken
 */
export async function readManifest(path: string): Promise<Manifest | undefined> {
  const source = await openFileSource(path);
  try {
    const head = new Uint8Array(Math.min(HEAD_BYTES, source.size));
    await source.read(head, 0);
    if (!looksLikeText(head)) return undefined;
    return await locate(path, () => readText(source, head));
  } finally {
    await source.close();
  }
}

async function readText(source: FileSource, head: Uint8Array): Promise<Manifest | undefined> {
  const first = head.find((byte) => byte > 32);
  if (first !== 0x7b && first !== 0x5b) return undefined; // neither { nor [
  const document = parseJson(await wholeText(source));
  const { isSavedReport, readSavedReport } = await import('./saved-report.ts');
  if (isSavedReport(document)) return { kind: 'report', report: await readSavedReport(document) };
  return undefined;
}

async function wholeText(source: FileSource): Promise<string> {
  if (source.size > MAX_MANIFEST_BYTES) {
    throw unsupported('MANIFEST_TOO_LARGE', `is text of ${formatSize(source.size)}`, {
      advice: `manifests are read up to ${formatSize(MAX_MANIFEST_BYTES)}: name the image instead`,
    });
  }
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  return new TextDecoder().decode(bytes);
}

/** V8's own message tells line and column. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw corrupt('JSON_BROKEN', `is no whole JSON document: ${(error as Error).message}`, {
      advice: 'make it again',
      cause: error,
    });
  }
}
