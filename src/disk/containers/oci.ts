/**
 * Container images in a tar: an OCI image layout (index.json, blobs by digest) or what `docker save` writes
 * (manifest.json, layers by name; newer ones are both). Sizes and digests in an index are claims about blobs that
 * are there, so they are checked: sizes always, digests with --verify.
 */
import type { Disk, ImageContext, JsonValue } from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { corrupt, locate, unsupported } from '../../core/errors.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { MAX_CONTAINER_TEXT_BYTES, MAX_OCI_INDEX_DEPTH, MAX_SYMLINKS } from '../../core/limits.ts';
import { decodeUtf8, escapeName } from '../../core/text.ts';
import { sliceSource } from '../../sources/slice.ts';
import type { FileTree, Inode } from './file-tree.ts';
import { type Layer, squashLayers } from './image-layers.ts';
import { digestOf } from './manifest.ts';

type Json = Readonly<Record<string, unknown>>;

/** @returns undefined when it is no container image */
export async function openContainerImage(
  file: BlockSource,
  tree: FileTree,
  context: ImageContext,
): Promise<Disk | undefined> {
  const archive = new Blobs(file, tree);
  if (archive.has('oci-layout') && archive.has('index.json')) return openLayout(archive, context);
  if (!archive.has('manifest.json')) return undefined;
  const document = await archive.json('manifest.json').catch(() => undefined); // a box's or anybody's, perhaps
  if (!Array.isArray(document) || !isObject(document[0]) || !Array.isArray(document[0].Layers))
    return undefined;
  return openDocker(archive, document.filter(isObject), context);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Files of the archive by name. */
class Blobs {
  private readonly file: BlockSource;
  private readonly tree: FileTree;

  constructor(file: BlockSource, tree: FileTree) {
    this.file = file;
    this.tree = tree;
  }

  /** Older `docker save` keeps a layer that two images share as a symbolic link. */
  private find(name: string): Inode | undefined {
    let at = name;
    for (let step = 0; step < MAX_SYMLINKS; step++) {
      const inode = this.tree.lookup(at)?.inode;
      if (inode?.type !== FILE_TYPE.symlink) return inode?.type === FILE_TYPE.file ? inode : undefined;
      const parts = inode.target.startsWith('/') ? [] : at.split('/').slice(0, -1);
      for (const part of inode.target.split('/')) {
        if (part === '..') parts.pop();
        else if (part !== '' && part !== '.') parts.push(part);
      }
      at = parts.join('/');
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  /** @throws ImgoptError `corrupt` when it is not there */
  open(name: string): BlockSource {
    const inode = this.find(name);
    if (inode === undefined || inode.runs !== null) {
      throw corrupt('IMAGE_BLOB_MISSING', `names '${escapeName(name)}', which is not in it`, {
        advice: 'save or copy the image again',
      });
    }
    return sliceSource(this.file, inode.offset, inode.stored);
  }

  async json(name: string): Promise<unknown> {
    const source = this.open(name);
    return locate(escapeName(name), () => parse(source));
  }

  /** By an OCI descriptor, whose size must be right. */
  async blob(descriptor: Json, context: ImageContext): Promise<{ name: string; source: BlockSource }> {
    const digest = text(descriptor.digest) ?? '';
    const match = /^(sha256|sha512):([0-9a-f]{32,128})$/.exec(digest);
    if (match === null) throw corrupt('IMAGE_DIGEST', `has a digest '${escapeName(digest)}' that is none`);
    const source = this.open(`blobs/${match[1]}/${match[2]}`);
    if (descriptor.size !== source.size) {
      throw corrupt(
        'IMAGE_BLOB_SIZE',
        `says that ${digest} has ${String(descriptor.size)} bytes, and it has ${source.size}`,
        { advice: 'save or copy the image again' },
      );
    }
    if (context.members.verifiesDigests) {
      const actual = await digestOf(source, match[1]!, () => context.signal.throwIfAborted());
      if (actual !== match[2]) {
        context.report(
          'error',
          'DIGEST_MISMATCH',
          `the blob ${digest} has the digest ${actual}: it was changed or damaged; copy it again`,
        );
      }
    }
    return { name: digest, source };
  }
}

async function parse(source: BlockSource): Promise<unknown> {
  if (source.size > MAX_CONTAINER_TEXT_BYTES) throw corrupt('CONTAINER_TEXT', `is ${source.size} bytes long`);
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (error) {
    throw corrupt('CONTAINER_JSON', `is no whole JSON document: ${(error as Error).message}`);
  }
}

/* ---------- OCI image layout ---------- */

interface Manifest {
  readonly document: Json;
  readonly name: string;
  readonly platform: string | null;
}

async function openLayout(archive: Blobs, context: ImageContext): Promise<Disk> {
  const manifests: Manifest[] = [];
  await collect(archive, await archive.json('index.json'), null, context, manifests, 0);
  const chosen = chooseManifest(manifests, context);
  const { config, layers } = chosen.document;
  if (!isObject(config) || !Array.isArray(layers))
    throw corrupt('IMAGE_MANIFEST', 'its manifest has no config or no layers');
  const { source } = await archive.blob(config, context);
  const configuration = await locate(String(config.digest), () => parse(source));
  const commands = historyOf(configuration);
  const opened: Layer[] = [];
  for (const [index, descriptor] of layers.entries()) {
    if (!isObject(descriptor)) throw corrupt('IMAGE_MANIFEST', 'its manifest lists a layer that is none');
    const mediaType = text(descriptor.mediaType) ?? '';
    if (/encrypted/.test(mediaType))
      throw unsupported('IMAGE_ENCRYPTED', `its layers are encrypted (${escapeName(mediaType)})`);
    const blob = await archive.blob(descriptor, context);
    opened.push({ name: blob.name, blob: blob.source, createdBy: commands[index] ?? null });
  }
  const details = { ...platformOf(configuration), manifest: chosen.name, images: manifests.length };
  return squashLayers('oci', opened, details, context);
}

async function collect(
  archive: Blobs,
  index: unknown,
  platform: string | null,
  context: ImageContext,
  found: Manifest[],
  depth: number,
): Promise<void> {
  if (depth > MAX_OCI_INDEX_DEPTH) throw corrupt('IMAGE_INDEX', 'its indexes go round in circles');
  if (!isObject(index)) throw corrupt('IMAGE_INDEX', 'its index is none');
  if (Array.isArray(index.layers)) return; // the caller adds it
  if (!Array.isArray(index.manifests)) throw corrupt('IMAGE_INDEX', 'its index lists no manifests');
  for (const one of index.manifests.slice(0, 1000)) {
    if (!isObject(one)) continue;
    const own = platformText(one.platform) ?? platform;
    if (own === 'unknown/unknown') continue; // an attestation about another manifest
    const digest = text(one.digest) ?? '';
    const isIndex = /index|manifest\.list/.test(text(one.mediaType) ?? '');
    // An index may list platforms whose blobs were not saved.
    if (!archive.has(`blobs/${digest.replace(':', '/')}`)) continue;
    const { source, name } = await archive.blob(one, context);
    const document = await locate(name, () => parse(source));
    if (isIndex || (isObject(document) && Array.isArray(document.manifests)))
      await collect(archive, document, own, context, found, depth + 1);
    else if (isObject(document) && Array.isArray(document.layers))
      found.push({ document, name, platform: own });
  }
}

function chooseManifest(manifests: readonly Manifest[], context: ImageContext): Manifest {
  const [first] = manifests;
  if (first === undefined)
    throw corrupt('IMAGE_INDEX', 'its index names no image that is there', {
      advice: 'save or copy the image again',
    });
  const chosen = manifests.find(({ platform }) => platform === 'linux/amd64') ?? first;
  if (manifests.length > 1) {
    context.report(
      'info',
      'SEVERAL_IMAGES',
      `holds ${manifests.length} images; ${escapeName(chosen.platform ?? chosen.name)} is analyzed`,
    );
  }
  return chosen;
}

function platformText(platform: unknown): string | null {
  if (!isObject(platform)) return null;
  const parts = [platform.os, platform.architecture, platform.variant].map(text);
  return parts.filter((part) => part !== null).join('/') || null;
}

function platformOf(configuration: unknown): { readonly [key: string]: JsonValue } {
  const platform = platformText(configuration);
  return { platform: platform === null ? null : escapeName(platform) };
}

/** The command of each layer: history entries that made none are left out. */
function historyOf(configuration: unknown): (string | null)[] {
  const history = isObject(configuration) ? configuration.history : undefined;
  if (!Array.isArray(history)) return [];
  return history
    .filter((one): one is Json => isObject(one) && one.empty_layer !== true)
    .map((one) => text(one.created_by));
}

/* ---------- docker save ---------- */

async function openDocker(archive: Blobs, images: readonly Json[], context: ImageContext): Promise<Disk> {
  const image = images[0]!;
  const names = (image.Layers as unknown[]).map((name) => {
    if (typeof name !== 'string')
      throw corrupt('IMAGE_MANIFEST', 'its manifest lists a layer without a name');
    return name;
  });
  const tags = Array.isArray(image.RepoTags) ? image.RepoTags.flatMap((tag) => text(tag) ?? []) : [];
  if (images.length > 1) {
    context.report(
      'info',
      'SEVERAL_IMAGES',
      `holds ${images.length} images; ${escapeName(tags[0] ?? 'the first')} is analyzed`,
    );
  }
  const config = text(image.Config);
  const configuration = config === null ? undefined : await archive.json(config);
  const commands = historyOf(configuration);
  const layers = names.map(
    (name, index): Layer => ({
      name,
      blob: archive.open(name),
      createdBy: commands[index] ?? null,
    }),
  );
  if (context.members.verifiesDigests) await verifyDiffIds(layers, configuration, context);
  const details = { ...platformOf(configuration), tags: tags.map(escapeName), images: images.length };
  return squashLayers('docker-archive', layers, details, context);
}

/** docker's own layers are not compressed, so that a layer's file has the digest that the configuration names. */
async function verifyDiffIds(
  layers: readonly Layer[],
  configuration: unknown,
  context: ImageContext,
): Promise<void> {
  const rootfs = isObject(configuration) ? configuration.rootfs : undefined;
  const ids = isObject(rootfs) && Array.isArray(rootfs.diff_ids) ? rootfs.diff_ids : [];
  for (const [index, { name, blob }] of layers.entries()) {
    const inside = await context.members.decompress(blob);
    const actual = `sha256:${await digestOf(inside ?? blob, 'sha256', () => context.signal.throwIfAborted())}`;
    const expected = text(ids[index]);
    if (expected !== null && actual !== expected) {
      context.report(
        'error',
        'DIGEST_MISMATCH',
        `the layer '${escapeName(name)}' has the digest ${actual} and not ${escapeName(expected)}: it was changed or damaged; copy it again`,
      );
    }
  }
}
