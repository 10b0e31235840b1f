/** A tar archive that holds a machine's disks: which kind of container it is, and what describes it. */
import type { Disk, ImageContext, ImageFile } from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { locate } from '../../core/errors.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { escapeName } from '../../core/text.ts';
import type { TarMember } from '../../sources/tar.ts';
import { type BoxMetadata, findDisks, looksLikeDisks, parseMetadata } from './box.ts';
import { type Machine, openMachine } from './machine.ts';
import { Members, readJson, readText, type StoredMember } from './members.ts';
import { type Ovf, parseOvf } from './ovf.ts';
import { memberSource } from './tar-files.ts';

/** Folders of a system's root: an archive with one of them is no box, whatever else it holds. */
const ROOT_FOLDERS = /^(?:\.\/)?(?:etc|usr|bin|var|lib)\//;

/** @returns undefined when it holds something else */
export async function openTarMachine(
  file: BlockSource,
  all: readonly TarMember[],
  context: ImageContext,
): Promise<Disk | undefined> {
  if (all.some(({ name }) => ROOT_FOLDERS.test(name))) return undefined;
  const members = new Members(
    all.flatMap((member) => {
      const isFolder = member.type === FILE_TYPE.directory;
      return isFolder || member.type === FILE_TYPE.file ? [storedMember(file, member, isFolder)] : [];
    }),
  );
  const described = await readDescriptors(members, context);
  const { ovf, metadata, isBox } = described;
  if (ovf === undefined && !isBox && !looksLikeDisks(members)) return undefined;
  const disks =
    ovf === undefined
      ? await findDisks(members, isBox ? (metadata?.metadata ?? NO_METADATA) : undefined, context)
      : ovfDisks(members, ovf.member, ovf.ovf, context);
  if (disks.length === 0 && ovf === undefined && !isBox) return undefined;
  const provider = metadata?.metadata.provider ?? null;
  const host: ImageFile = {
    ...context.file,
    role: 'image',
    format: isBox ? 'box' : ovf === undefined ? 'tar' : 'ova',
  };
  const machine: Machine = {
    format: host.format,
    members,
    disks,
    ovf,
    metadata,
    files: [host],
    details: { ...(isBox ? { provider } : {}), members: all.length },
  };
  return openMachine(machine, context);
}

const NO_METADATA: BoxMetadata = { provider: null, virtualSize: null, disks: [], document: {} };

function storedMember(file: BlockSource, member: TarMember, isFolder: boolean): StoredMember {
  const { mode, uid, gid, modified } = member;
  return {
    name: Buffer.from(member.name, 'latin1').toString(),
    source: memberSource(file, member),
    mode,
    uid,
    gid,
    modified,
    isFolder,
  };
}

async function readDescriptors(
  members: Members,
  context: ImageContext,
): Promise<{
  ovf: { member: StoredMember; ovf: Ovf } | undefined;
  metadata: { member: StoredMember; metadata: BoxMetadata } | undefined;
  isBox: boolean;
}> {
  const [descriptor] = members.ending(/\.ovf$/i);
  const ovf =
    descriptor === undefined
      ? undefined
      : {
          member: descriptor,
          ovf: await locate(escapeName(descriptor.name), async () => parseOvf(await readText(descriptor))),
        };
  const file = members.find('metadata.json');
  const parsed = file === undefined ? undefined : parseMetadata(await readJson(file, context));
  const metadata =
    file === undefined || parsed === undefined ? undefined : { member: file, metadata: parsed };
  const isBox =
    (metadata !== undefined && metadata.metadata.provider !== null) ||
    members.find('Vagrantfile') !== undefined;
  return { ovf, metadata, isBox };
}

/** The disks that a descriptor names, as far as they are there. */
export function ovfDisks(
  members: Members,
  descriptor: StoredMember,
  ovf: Ovf,
  context: ImageContext,
): StoredMember[] {
  return ovf.disks.flatMap(({ file }) => {
    const member = members.beside(descriptor, file.href);
    if (member === undefined) {
      context.report(
        'error',
        'DISK_MISSING',
        `the disk '${escapeName(file.href)}' is not in it; build or export it again`,
      );
    }
    return member === undefined ? [] : [member];
  });
}
