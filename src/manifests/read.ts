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
import type { PackerManifest } from './packer-manifest.ts';

/** A report of what the manifest says, or which files it names. */
export type Manifest =
  | { readonly kind: 'report' | 'manifest'; readonly report: Report }
  | { readonly kind: 'packer'; readonly packer: PackerManifest };

const HEAD_BYTES = 64 * 1024;

/**
 * @param path a host file
 * @param version of imgopt
 * @param open for what is no host file
 * @returns undefined when it is no manifest that imgopt knows
 * @throws ImgoptError when it cannot be read, or is one and is broken
 */
export async function readManifest(
  path: string,
  version: string,
  open: (path: string) => Promise<FileSource> = openFileSource,
): Promise<Manifest | undefined> {
  const source = await open(path);
  try {
    const head = new Uint8Array(Math.min(HEAD_BYTES, source.size));
    await source.read(head, 0);
    const encoding = encodingOf(head);
    if (encoding === undefined) return undefined;
    return await locate(path, () => readText(source, head, encoding, { path, version }));
  } finally {
    await source.close();
  }
}

/** Windows' PowerShell writes what it redirects as UTF-16 with a byte order mark. */
function encodingOf(head: Uint8Array): string | undefined {
  if (head[0] === 0xff && head[1] === 0xfe && head[2] !== 0) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff && head[3] !== 0) return 'utf-16be';
  return looksLikeText(head) ? 'utf-8' : undefined;
}

async function readText(
  source: FileSource,
  head: Uint8Array,
  encoding: string,
  from: { readonly path: string; readonly version: string },
): Promise<Manifest | undefined> {
  // TextDecoder takes the byte order mark away.
  const beginning = new TextDecoder(encoding).decode(head, { stream: true });
  if (/^\s*[[{]/.test(beginning)) return readDocument(await wholeText(source, encoding), from);
  const { LIST_READERS } = await import('./readers.ts');
  const [{ LONG_SAMPLE_LINES, SAMPLE_LINES }, { sampleOf }] = await Promise.all([
    import('./columns.ts'),
    import('./manifest.ts'),
  ]);
  const lines = beginning.split('\n');
  if (head.length < source.size) lines.pop(); // cut anywhere
  const sample = sampleOf(lines, LONG_SAMPLE_LINES);
  if (sample.length === 0) return undefined;
  const beginningOnly = sample.slice(0, SAMPLE_LINES);
  const reader =
    LIST_READERS.find((one) => one.recognises(beginningOnly)) ??
    LIST_READERS.find((one) => one.recognises(sample));
  if (reader === undefined) return undefined;
  const { manifestReport } = await import('./manifest-report.ts');
  const content = reader.read(await wholeText(source, encoding));
  return { kind: 'manifest', report: manifestReport(from.path, reader.name, content, from.version) };
}

async function readDocument(
  text: string,
  { path, version }: { readonly path: string; readonly version: string },
): Promise<Manifest | undefined> {
  const document = parseJson(text);
  const { isSavedReport, readSavedReport } = await import('./saved-report.ts');
  if (isSavedReport(document)) return { kind: 'report', report: await readSavedReport(document) };
  const { isPackerManifest, parsePackerManifest } = await import('./packer-manifest.ts');
  if (isPackerManifest(document)) return { kind: 'packer', packer: parsePackerManifest(document) };
  const { DOCUMENT_READERS } = await import('./readers.ts');
  const reader = DOCUMENT_READERS.find((one) => one.recognises(document));
  if (reader === undefined) return undefined;
  const { manifestReport } = await import('./manifest-report.ts');
  return { kind: 'manifest', report: manifestReport(path, reader.name, reader.read(document), version) };
}

async function wholeText(source: FileSource, encoding: string): Promise<string> {
  if (source.size > MAX_MANIFEST_BYTES) {
    throw unsupported('MANIFEST_TOO_LARGE', `is text of ${formatSize(source.size)}`, {
      advice: `manifests are read up to ${formatSize(MAX_MANIFEST_BYTES)}: name the image instead`,
    });
  }
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  return new TextDecoder(encoding).decode(bytes);
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
