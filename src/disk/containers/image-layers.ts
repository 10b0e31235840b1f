/**
 * A container image's layers, squashed: what a container would see, with what every layer spends on files that a
 * later one overwrites or removes. Such files are in the image, are downloaded with it, and nobody can read them;
 * `dive` calls them wasted, here they are unused blocks, and stale.
 *
 * Whiteouts (OCI image specification, "Representing Changes"): `.wh.NAME` removes NAME, `.wh..wh..opq` everything in
 * its folder, as far as lower layers put it there.
 */
import type { Disk, ImageContext, JsonValue } from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { locate, unsupported } from '../../core/errors.ts';
import type { ByteRange, ExtentSet } from '../../core/extents.ts';
import { MAX_ARCHIVE_MEMBERS, MAX_IMAGE_LAYERS } from '../../core/limits.ts';
import { escapeName } from '../../core/text.ts';
import { joinedSource } from '../../sources/pieces.ts';
import { scaledSource } from '../../sources/scaled.ts';
import { show, type TarMember, walkTar } from '../../sources/tar.ts';
import { FileTree } from './file-tree.ts';
import { addContent, placeMember, reportPlacement } from './tar-files.ts';
import { liveContent, treeDriver } from './tree-filesystem.ts';

export interface Layer {
  /** For messages and the report: its digest, or its name in the archive. */
  readonly name: string;
  readonly blob: BlockSource;
  /** The command that made it; null where the image does not say. */
  readonly createdBy: string | null;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** Paths in the report that waste most. */
const WORST_PATHS = 20;

interface Content extends ByteRange {
  readonly layer: number;
  readonly size: number;
  readonly path: string;
}

/**
 * @param details of the image, for the report
 * @throws ImgoptError when a layer cannot be read: what lies above it would be told wrong
 */
export async function squashLayers(
  format: string,
  layers: readonly Layer[],
  details: { readonly [key: string]: JsonValue },
  context: ImageContext,
): Promise<Disk> {
  if (layers.length > MAX_IMAGE_LAYERS)
    throw unsupported('TOO_MANY_LAYERS', `has ${layers.length} layers`, {
      advice: `images have ${MAX_IMAGE_LAYERS} at most`,
    });
  const tree = new FileTree();
  const contents: Content[] = [];
  const sources: BlockSource[] = [];
  const compressions: (string | null)[] = [];
  let base = 0;
  let members = 0;
  for (const [index, layer] of layers.entries()) {
    const name = escapeName(layer.name);
    const place = context.at(name);
    await locate(name, async () => {
      const inside = await context.members.decompress(layer.blob);
      const source = inside ?? layer.blob;
      const ratio = layer.blob.size / Math.max(1, inside?.dataBytes ?? 1);
      sources.push(inside === undefined ? source : scaledSource(inside, ratio));
      compressions.push(inside?.algorithm ?? null);
      for await (const member of walkTar(source, context.signal)) {
        if (++members > MAX_ARCHIVE_MEMBERS)
          throw unsupported('TAR_TOO_MANY', `its layers have more than ${MAX_ARCHIVE_MEMBERS} members`);
        const ranges: ByteRange[] = [];
        addContent(ranges, member, base);
        for (const range of ranges)
          contents.push({ ...range, layer: index, size: member.stored, path: member.name });
        if (!applyWhiteout(tree, member, index)) {
          reportPlacement(placeMember(tree, member, index, base), member, place);
        }
      }
      base += source.size;
    });
  }
  const source = joinedSource(sources, format);
  return {
    format,
    details: { ...details, ...waste(layers, contents, liveContent(tree), sources, compressions) },
    source,
    files: [{ ...context.file, role: 'image', format }],
    mapIsExact: true,
    snapshotBytes: 0,
    tree: treeDriver('oci', tree, contents),
    async close() {},
  };
}

/** @returns false for what is no whiteout */
function applyWhiteout(tree: FileTree, { name }: TarMember, layer: number): boolean {
  const slash = name.lastIndexOf('/') + 1;
  const base = name.slice(slash);
  if (!base.startsWith(WHITEOUT)) return false;
  const folder = name.slice(0, slash);
  if (base === OPAQUE) tree.hideContents(folder, layer);
  // `.wh..wh.` is aufs's own bookkeeping, of which only the opaque mark means something.
  else if (!base.startsWith(`${WHITEOUT}${WHITEOUT}`)) tree.hide(folder + base.slice(WHITEOUT.length), layer);
  return true;
}

function waste(
  layers: readonly Layer[],
  contents: readonly Content[],
  live: ExtentSet,
  sources: readonly BlockSource[],
  compressions: readonly (string | null)[],
): { readonly [key: string]: JsonValue } {
  const perLayer = layers.map(() => ({ files: 0, contentBytes: 0, wasted: 0 }));
  const byPath = new Map<string, { count: number; bytes: number }>();
  let wasted = 0;
  for (const { layer, size, start, path } of contents) {
    const of = perLayer[layer]!;
    of.files++;
    of.contentBytes += size;
    if (live.contains(start)) continue;
    of.wasted += size;
    wasted += size;
    const name = show(path.replace(/^(?:\.?\/)+/, ''));
    const known = byPath.get(name) ?? { count: 0, bytes: 0 };
    byPath.set(name, { count: known.count + 1, bytes: known.bytes + size });
  }
  const total = contents.reduce((sum, one) => sum + one.size, 0);
  return {
    layers: layers.map(
      ({ name, blob, createdBy }, index): JsonValue => ({
        name: escapeName(name),
        createdBy: createdBy === null ? null : escapeName(createdBy),
        fileSize: blob.size,
        size: sources[index]!.size,
        compressedWith: compressions[index]!,
        ...perLayer[index]!,
      }),
    ),
    wastedBytes: wasted,
    efficiency: total === 0 ? 1 : Math.round((1 - wasted / total) * 10_000) / 10_000,
    wastedPaths: [...byPath]
      .sort((a, b) => b[1].bytes - a[1].bytes || (a[0] < b[0] ? -1 : 1))
      .slice(0, WORST_PATHS)
      .map(([path, { count, bytes }]) => ({ path, count, bytes })),
  };
}
