/**
 * The descriptor of an image that is written. What VMware's products keep about a disk beside its content is
 * carried over from a VMDK source: content ID, adapter, geometry, hardware and tools versions, UUID. The rest
 * follows what VMware writes for a new disk.
 *
 * The values of a source are hostile text: what does not look as VMware writes it is left behind.
 */
import type { Disk, JsonValue } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { contentIdentity } from '../../../sources/identity.ts';
import { SECTOR } from './layout.ts';

/** Room that the header gives to the descriptor, as VMware and qemu do. */
export const DESCRIPTOR_BYTES = 20 * SECTOR;

const NO_PARENT = 'ffffffff';

/**
 * The embedded descriptor, padded to DESCRIPTOR_BYTES.
 * @param details of the disk that is written: those of a VMDK are carried over
 */
export async function descriptorText(
  source: BlockSource,
  createType: 'streamOptimized' | 'monolithicSparse',
  details: Disk['details'],
): Promise<Buffer> {
  const text = (key: string, pattern: RegExp): string | undefined => {
    const value = details[key];
    return typeof value === 'string' && pattern.test(value) ? value : undefined;
  };
  const sectors = Math.ceil(source.size / SECTOR);
  const keptCid = text('cid', /^[0-9a-f]{8}$/);
  const cid = keptCid !== undefined && keptCid !== NO_PARENT ? keptCid : await contentId(source);
  const longCid = text('longContentId', /^[0-9a-f]{32}$/i);
  const adapterType = text('adapterType', /^[A-Za-z][A-Za-z0-9]{1,31}$/) ?? 'lsilogic';
  const toolsInstallType = text('toolsInstallType', /^\d{1,10}$/);
  const uuid = text('uuid', /^[0-9a-f]{2}(?:[ -][0-9a-f]{2}){15}$/i);
  const { cylinders, heads, sectors: perTrack } = carried(details.geometry) ?? geometry(sectors, adapterType);
  const database: [string, string | number | undefined][] = [
    ['adapterType', adapterType],
    ['geometry.cylinders', cylinders],
    ['geometry.heads', heads],
    ['geometry.sectors', perTrack],
    // Its last 32 bits are the CID.
    ['longContentID', longCid?.toLowerCase().endsWith(cid) ? longCid : undefined],
    ['thinProvisioned', details.thinProvisioned === true ? 1 : undefined],
    ['toolsInstallType', toolsInstallType],
    // The number that says 'the guest looks after its tools itself'.
    ['toolsVersion', text('toolsVersion', /^\d{1,10}$/) ?? '2147483647'],
    ['uuid', uuid],
    ['virtualHWVersion', text('hardwareVersion', /^\d{1,4}$/) ?? '4'],
  ];
  const lines = [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${cid}`,
    `parentCID=${NO_PARENT}`,
    `createType="${createType}"`,
    '',
    '# Extent description',
    // The name is this very file's, which readers know better: an image may be renamed.
    `RW ${sectors} SPARSE "disk.vmdk"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    ...database.flatMap(([key, value]) => (value === undefined ? [] : [`ddb.${key} = "${value}"`])),
    '',
  ];
  const block = Buffer.alloc(DESCRIPTOR_BYTES);
  block.write(lines.join('\n'), 'utf8');
  return block;
}

interface Geometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
}

function carried(value: JsonValue | undefined): Geometry | undefined {
  if (value === undefined || value === null || typeof value !== 'object' || Array.isArray(value)) {
    return undefined;
  }
  const { cylinders, heads, sectors } = value as Record<string, JsonValue>;
  const isPossible = [cylinders, heads, sectors].every((one) => Number.isInteger(one) && (one as number) > 0);
  return isPossible ? (value as unknown as Geometry) : undefined;
}

/** What VMware gives a new disk: IDE as ATA-5 wants it, SCSI as BusLogic's and LSI Logic's BIOSes translate. */
function geometry(total: number, adapterType: string): Geometry {
  const [heads, sectors, most] =
    adapterType === 'ide'
      ? [16, 63, 16383]
      : total <= 2 * 2 ** 20
        ? [64, 32, 65535]
        : total <= 4 * 2 ** 20
          ? [128, 32, 65535]
          : [255, 63, 65535];
  return {
    cylinders: Math.max(1, Math.min(most!, Math.floor(total / (heads! * sectors!)))),
    heads: heads!,
    sectors: sectors!,
  };
}

/** Eight hexadecimal digits that are neither 'no parent' nor VMware's 'never written to'. */
async function contentId(source: BlockSource): Promise<string> {
  const id = (await contentIdentity(source, 'vmdk')).readUInt32BE(0);
  return Math.min(id, 0xffff_fffd).toString(16).padStart(8, '0');
}
