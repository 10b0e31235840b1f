/**
 * Vagrant boxes: a tar with the machine of one provider. metadata.json says which; what the disks are called is each
 * provider's own matter (libvirt: metadata.json or box.img; VirtualBox: an OVF; VMware: the .vmx; Hyper-V and
 * Parallels: by their formats).
 */
import type { ImageContext } from '../../core/contracts/disk.ts';
import { MAX_CONTAINER_DISKS } from '../../core/limits.ts';
import { escapeName } from '../../core/text.ts';
import { type Members, readText, type StoredMember } from './members.ts';

export interface BoxMetadata {
  readonly provider: string | null;
  /** libvirt: GiB. */
  readonly virtualSize: number | null;
  readonly disks: readonly string[];
  readonly document: Readonly<Record<string, unknown>>;
}

/** Undefined when it says nothing that a box would. */
export function parseMetadata(document: unknown): BoxMetadata | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined;
  const fields = document as Record<string, unknown>;
  const { provider, virtual_size: virtualSize, disks } = fields;
  if (provider !== undefined && typeof provider !== 'string') return undefined;
  const paths = (Array.isArray(disks) ? disks : []).flatMap((one: unknown) => {
    const path = typeof one === 'object' && one !== null ? (one as Record<string, unknown>).path : undefined;
    return typeof path === 'string' ? [path] : [];
  });
  return {
    provider: provider ?? null,
    virtualSize: typeof virtualSize === 'number' ? virtualSize : null,
    disks: paths,
    document: fields,
  };
}

const DISK_NAME = /\.(?:vmdk|vhdx?|vdi|qcow2|hds|hdd|raw|img|dd)(?:\.(?:gz|zst|xz|bz2))?$/i;
/** Parts of a VMDK that its descriptor names, as VMware calls them. */
const VMDK_PART = /(?:-[sf]\d{3}|-flat|-delta|-ctk|-sesparse)\.vmdk$/i;

/**
 * The disks of a container that no OVF describes, in the machine's order.
 * @param metadata of a box; undefined for a plain archive of disks
 */
export async function findDisks(
  members: Members,
  metadata: BoxMetadata | undefined,
  context: ImageContext,
): Promise<StoredMember[]> {
  const named = metadata?.disks ?? [];
  if (named.length > 0) return resolve(members, named, context);
  const [machine] = members.ending(/\.vmx$/i);
  if (machine !== undefined) {
    const disks = vmxDisks(await readText(machine));
    if (disks.length > 0) {
      const found = disks.map((name) => members.beside(machine, name) ?? name);
      return resolve(
        members,
        found.map((one) => (typeof one === 'string' ? one : one.name)),
        context,
      );
    }
  }
  const classic = metadata === undefined ? undefined : members.find('box.img');
  if (classic !== undefined) return [classic];
  return byContent(members, context);
}

function resolve(members: Members, names: readonly string[], context: ImageContext): StoredMember[] {
  const found: StoredMember[] = [];
  for (const name of names.slice(0, MAX_CONTAINER_DISKS)) {
    const member = members.find(name);
    if (member !== undefined) found.push(member);
    else
      context.report(
        'error',
        'DISK_MISSING',
        `the disk '${escapeName(name)}' is not in it; build or export it again`,
      );
  }
  return found;
}

/** Hard disks of a .vmx: `scsi0:0.fileName = "disk.vmdk"`; other devices name ISO files and the like. */
export function vmxDisks(text: string): string[] {
  const disks: string[] = [];
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([\w.:]+)\s*=\s*"(.*)"\s*$/.exec(line);
    if (match !== null) values.set(match[1]!.toLowerCase(), match[2]!);
  }
  const devices = [...values.keys()].filter((key) => /^(?:scsi|sata|ide|nvme)\d+:\d+\.filename$/.test(key));
  for (const key of devices.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
    const device = key.slice(0, -'.filename'.length);
    const isPresent = values.get(`${device}.present`)?.toLowerCase() !== 'false';
    const name = values.get(key)!;
    if (isPresent && /\.vmdk$/i.test(name) && !disks.includes(name)) disks.push(name);
  }
  return disks;
}

/** What a format is certain of, or what is called as disks are. */
async function byContent(members: Members, context: ImageContext): Promise<StoredMember[]> {
  const found: StoredMember[] = [];
  for (const member of members.files) {
    if (member.source.size < 512 || found.length >= MAX_CONTAINER_DISKS) continue;
    const format = await context.members.identify(member.source);
    const isDisk = format === undefined || format === 'recognised' ? DISK_NAME.test(member.name) : true;
    if (isDisk && !VMDK_PART.test(member.name)) found.push(member);
  }
  return found;
}

/** True for an archive that nothing but its disks make a container: a cloud's `disk.raw` in a tar. */
export function looksLikeDisks(members: Members): boolean {
  const files = members.files;
  return files.length > 0 && files.length <= 16 && files.some(({ name }) => DISK_NAME.test(name));
}

/** libvirt's metadata with the size that the disk has; undefined when it is right, or says none. */
export function correctMetadata(metadata: BoxMetadata, virtualSize: number): string | undefined {
  if (metadata.virtualSize === null) return undefined;
  const size = Math.ceil(virtualSize / 2 ** 30);
  if (metadata.virtualSize === size) return undefined;
  return `${JSON.stringify({ ...metadata.document, virtual_size: size }, null, 2)}\n`;
}
