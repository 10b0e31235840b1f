/**
 * A container of a machine's disks (OVA, loose OVF, Vagrant box, an archive of disk images) as one image: its disks
 * lie end to end in one source, so that everything above (volumes, books, plans, comparisons) works on bytes of
 * that source and need not know of disks. What the descriptors claim is held against what is there.
 */
import type {
  ContainedDisk,
  Disk,
  ImageContext,
  ImageFile,
  JsonValue,
  PackedMember,
  Repacked,
  WrittenImage,
} from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { type ImgoptError, isArtifactError, unreadable } from '../../core/errors.ts';
import { MAX_VIRTUAL_SIZE } from '../../core/limits.ts';
import { formatSize } from '../../core/size.ts';
import { escapeName } from '../../core/text.ts';
import { memorySource } from '../../sources/memory.ts';
import { joinedSource } from '../../sources/pieces.ts';
import { type BoxMetadata, correctMetadata } from './box.ts';
import { digestOf, type ManifestLine, parseManifest, rewriteManifest } from './manifest.ts';
import { type Members, plainName, readText, type StoredMember } from './members.ts';
import { correctOvf, type Ovf, type OvfDisk } from './ovf.ts';

export interface Machine {
  /** `ova`, `ovf`, `box`, `tar` */
  readonly format: string;
  readonly members: Members;
  readonly disks: readonly StoredMember[];
  readonly ovf: { readonly member: StoredMember; readonly ovf: Ovf } | undefined;
  readonly metadata: { readonly member: StoredMember; readonly metadata: BoxMetadata } | undefined;
  /** The host's files that it consists of. */
  readonly files: readonly ImageFile[];
  readonly details: { readonly [key: string]: JsonValue };
}

interface OpenDisk {
  readonly member: StoredMember;
  readonly disk: Disk | null;
  readonly source: BlockSource;
  readonly compressedWith: string | null;
}

/** @throws ImgoptError when it holds no disk that can be opened */
export async function openMachine(machine: Machine, context: ImageContext): Promise<Disk> {
  if (machine.disks.length === 0) {
    throw unreadable('NO_DISK', 'holds no disk image', { advice: 'build or export the machine again' });
  }
  const opened = await openDisks(machine, context);
  const source = joinedSource(
    opened.map((one) => one.source),
    machine.format,
  );
  const contained: ContainedDisk[] = [];
  let start = 0;
  for (const { member, disk, source: own, compressedWith } of opened) {
    contained.push({ name: member.name, start, size: own.size, disk, compressedWith });
    start += own.size;
  }
  const used = new Set(opened.flatMap(({ member, disk }) => partsOf(member, disk)));
  const descriptors = new Set(
    [machine.ovf?.member, machine.metadata?.member, ...manifests(machine)].flatMap((one) => one?.name ?? []),
  );
  const others = machine.members.files.filter(({ name }) => !used.has(name) && !descriptors.has(name));
  if (machine.ovf !== undefined) await checkOvf(machine.ovf.ovf, opened, context);
  if (context.members.verifiesDigests) await checkManifests(machine, context);
  return {
    format: machine.format,
    details: {
      ...machine.details,
      disks: opened.map(
        ({ member, disk, source: own, compressedWith }): JsonValue => ({
          name: escapeName(member.name),
          format: disk?.format ?? 'unknown',
          fileSize: member.source.size,
          virtualSize: own.size,
          ...(compressedWith === null ? {} : { compressedWith }),
          details: disk?.details ?? {},
        }),
      ),
    },
    source,
    files: machine.files,
    mapIsExact: opened.every(({ disk }) => disk?.mapIsExact === true),
    snapshotBytes: opened.reduce((sum, { disk }) => sum + (disk?.snapshotBytes ?? 0), 0),
    otherBytes: others.reduce((sum, one) => sum + one.source.size, 0),
    container: {
      disks: contained,
      repack: (images) => repack(machine, opened, images),
    },
    async close() {
      await Promise.all(opened.map(({ disk }) => disk?.close()));
    },
  };
}

/** Names of the members that a disk consists of. */
function partsOf(member: StoredMember, disk: Disk | null): string[] {
  return [member.name, ...(disk?.files ?? []).map(({ path }) => path)];
}

async function openDisks(machine: Machine, context: ImageContext): Promise<OpenDisk[]> {
  const opened: OpenDisk[] = [];
  let failure: ImgoptError | undefined;
  let total = 0;
  for (const member of machine.disks) {
    const place = context.at(escapeName(member.name));
    try {
      const disk = await context.members.openImage(member, (name) => machine.members.beside(member, name));
      const compressedWith =
        typeof disk.details.compressedWith === 'string' ? disk.details.compressedWith : null;
      opened.push({ member, disk, source: disk.source, compressedWith });
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      failure ??= error;
      const advice = error.advice === undefined ? '' : `; ${error.advice}`;
      place.report('error', error.code.replace(/^IMGOPT_/, ''), `${error.message}${advice}`);
      opened.push({ member, disk: null, source: member.source, compressedWith: null });
    }
    total += opened.at(-1)!.source.size;
  }
  if (opened.every(({ disk }) => disk === null)) throw failure!;
  if (total > MAX_VIRTUAL_SIZE) throw unreadable('TOO_LARGE', `its disks are ${formatSize(total)} together`);
  return opened;
}

/* ---------- what descriptors claim ---------- */

/** A populated size is a snapshot of a machine that ran: only a claim that is far off is worth a word. */
const POPULATED_TOLERANCE = 0.1;

async function checkOvf(ovf: Ovf, opened: readonly OpenDisk[], context: ImageContext): Promise<void> {
  const place = context.at('OVF');
  for (const [index, claimed] of ovf.disks.entries()) {
    const real = opened[index];
    if (real === undefined) break;
    const name = escapeName(claimed.file.href);
    const { size } = real.member.source;
    if (claimed.file.size !== null && claimed.file.size !== size) {
      place.report(
        'warning',
        'OVF_SIZE',
        `ovf:size of '${name}' is ${claimed.file.size} and the file has ${size} bytes: importers refuse it or cut the disk; write it again with 'imgopt optimize'`,
      );
    }
    if (real.disk === null) continue;
    if (claimed.capacity !== null && claimed.capacity !== real.source.size) {
      place.report(
        'warning',
        'OVF_CAPACITY',
        `ovf:capacity of '${name}' is ${claimed.capacity} bytes and its disk has ${real.source.size}`,
      );
    }
    if (claimed.populated === null) continue;
    const populated = await dataBytes(real.disk.source);
    if (Math.abs(claimed.populated - populated) > POPULATED_TOLERANCE * Math.max(populated, 1)) {
      place.report(
        'info',
        'OVF_POPULATED',
        `ovf:populatedSize of '${name}' is ${claimed.populated} and its disk stores ${populated} bytes`,
      );
    }
  }
}

async function dataBytes(source: BlockSource): Promise<number> {
  let sum = 0;
  try {
    for await (const batch of source.extents())
      for (const { kind, start, end } of batch) if (kind === 'data') sum += end - start;
  } catch (error) {
    if (!isArtifactError(error)) throw error; // reading the disk will meet the damage again and report it
  }
  return sum;
}

function manifests({ members }: Machine): StoredMember[] {
  return members.ending(/\.mf$/i);
}

async function checkManifests(machine: Machine, context: ImageContext): Promise<void> {
  const found = manifests(machine);
  if (found.length === 0)
    context.report('warning', 'NO_MANIFEST', 'carries no manifest, so there is no digest to check');
  for (const manifest of found) {
    const place = context.at(escapeName(manifest.name));
    for (const line of parseManifest(await readText(manifest))) {
      if (typeof line === 'string') continue;
      const member = machine.members.beside(manifest, line.file);
      const name = escapeName(line.file);
      if (member === undefined) {
        place.report('error', 'DIGEST_FILE_MISSING', `lists '${name}', which is not there`);
        continue;
      }
      const task = context.progress.start(`checking ${name}`, member.source.size);
      const digest = await digestOf(member.source, line.algorithm, (bytes) => {
        context.signal.throwIfAborted();
        task.advance(bytes);
      });
      task.done();
      if (digest !== line.digest) {
        place.report(
          'error',
          'DIGEST_MISMATCH',
          `'${name}' has the ${line.algorithm.toUpperCase()} ${digest} and not ${line.digest}: it was changed or damaged; copy it again`,
        );
      }
    }
  }
}

/* ---------- writing it again ---------- */

async function repack(
  machine: Machine,
  opened: readonly OpenDisk[],
  images: readonly WrittenImage[],
): Promise<Repacked> {
  const warnings: string[] = [];
  const changed = new Map<string, BlockSource>();
  const gone = new Set<string>();
  for (const [index, { member, disk }] of opened.entries()) {
    for (const name of partsOf(member, disk)) gone.add(name);
    changed.set(member.name, images[index]!.source);
  }
  for (const name of changed.keys()) gone.delete(name);
  for (const { name } of machine.members.ending(/\.cert$/i)) {
    gone.add(name);
    warnings.push(`the signature '${escapeName(name)}' was left out: it no longer matches`);
  }
  if (machine.ovf !== undefined) {
    const { member, ovf } = machine.ovf;
    const corrections = ovf.disks.flatMap((disk: OvfDisk, index) => {
      const image = images[index];
      return image === undefined ? [] : [{ disk, size: image.source.size, populated: image.populated }];
    });
    changed.set(member.name, memorySource(Buffer.from(correctOvf(ovf, corrections)), member.name));
  }
  if (machine.metadata !== undefined) {
    const { member, metadata } = machine.metadata;
    const text = correctMetadata(metadata, images[0]!.virtualSize);
    if (text !== undefined) changed.set(member.name, memorySource(Buffer.from(text), member.name));
  }
  for (const manifest of manifests(machine)) {
    const text = await rewriteManifest(parseManifest(await readText(manifest)), (line) =>
      newDigest(machine, manifest, line, changed, gone),
    );
    changed.set(manifest.name, memorySource(Buffer.from(text), manifest.name));
  }
  const members = machine.members.all
    .filter(({ name }) => !gone.has(name))
    .map(
      (one): PackedMember => ({
        ...one,
        source: one.isFolder ? null : (changed.get(one.name) ?? one.source),
      }),
    );
  return { members, warnings };
}

/** What was not changed keeps its digest, right or wrong: a new one would hide damage. */
async function newDigest(
  { members }: Machine,
  manifest: StoredMember,
  line: ManifestLine,
  changed: ReadonlyMap<string, BlockSource>,
  gone: ReadonlySet<string>,
): Promise<string | null | undefined> {
  const member = members.beside(manifest, line.file) ?? members.find(plainName(line.file));
  if (member === undefined) return undefined;
  if (gone.has(member.name)) return null;
  const source = changed.get(member.name);
  return source === undefined ? undefined : digestOf(source, line.algorithm);
}
