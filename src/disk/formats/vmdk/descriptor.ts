/**
 * The descriptor: a text that says which extents make up a disk, who its parent is, and what the virtual
 * hardware should believe. It is a file of its own or lies inside a sparse extent.
 *
 * Spec, 'The Descriptor File': a header of `key=value`, lines of extents, and the disk database (`ddb.…`).
 * Names of extents are in double quotes and not escaped, so a name ends at the last quote of its line.
 */
import { corrupt, unsupported } from '../../../core/errors.ts';
import { MAX_VIRTUAL_SIZE, MAX_VMDK_EXTENTS } from '../../../core/limits.ts';
import { escapeName } from '../../../core/text.ts';
import { SECTOR } from './layout.ts';

export type ExtentType = 'FLAT' | 'SPARSE' | 'ZERO';

export interface ExtentLine {
  readonly type: ExtentType;
  /** Bytes of the disk that it covers. */
  readonly size: number;
  /** As written; only the context may turn it into a path. Empty for ZERO. */
  readonly name: string;
  /** Bytes into its file at which a FLAT extent starts. */
  readonly offset: number;
}

export interface Descriptor {
  readonly createType: string;
  /** Content identifier, 8 hexadecimal digits; null when the descriptor lacks it. */
  readonly cid: string | null;
  /** CID that the parent had when this disk was split off; null when there is no parent. */
  readonly parentCid: string | null;
  readonly parentFileName: string | null;
  readonly extents: readonly ExtentLine[];
  readonly encoding: string | null;
  /** Keys of the disk database without `ddb.`, lower case. */
  readonly database: ReadonlyMap<string, string>;
}

/** CID of 'no parent'. */
const CID_NOPARENT = 'ffffffff';

/** What VMware's hosted products write and we read; the rest of the known world is refused by name. */
const READABLE_TYPES = new Set([
  'monolithicsparse',
  'monolithicflat',
  'twogbmaxextentsparse',
  'twogbmaxextentflat',
  // The spelling of VMware's older documents.
  '2gbmaxextentsparse',
  '2gbmaxextentflat',
  'streamoptimized',
  'custom',
]);

/** createTypes of disks that live on an ESX host or on real devices. */
const FOREIGN_TYPES: Record<string, string> = {
  vmfs: 'a disk of an ESX datastore',
  vmfspreallocated: 'a disk of an ESX datastore',
  vmfseagerzeroedthick: 'a disk of an ESX datastore',
  vmfsthin: 'a disk of an ESX datastore',
  vmfssparse: 'a redo log of an ESX datastore (COWD)',
  sesparse: 'a space-efficient snapshot of an ESX datastore',
  vsansparse: 'a snapshot of a vSAN datastore',
  vmfsrdm: 'a raw device mapping',
  vmfsrdmp: 'a raw device mapping',
  vmfsraw: 'a raw device mapping',
  vmfsrawdevicemap: 'a raw device mapping',
  vmfspassthroughrawdevicemap: 'a raw device mapping',
  fulldevice: 'a whole device of the host',
  partitioneddevice: 'partitions of a device of the host',
};

const LINE_END = /\r\n|\n|\r/;

const CONVERT = 'export it from VMware as OVF, or convert it with qemu-img or vmkfstools, and try again';

/** Does this look like the beginning of a descriptor? `certain` as qemu, which wants only `version=`. */
export function probeDescriptor(head: Uint8Array): 'certain' | 'resembles' | undefined {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, 4096)).toString('latin1');
  if (/^(?:\xef\xbb\xbf)?\s*#\s*Disk DescriptorFile\b/i.test(text)) return 'certain';
  if (/^(?:#[^\n]*\n|[ \t]*\r?\n)*version=[123]\r?\n/.test(text) && /^\s*CID=/m.test(text)) return 'certain';
  if (/^\s*createType\s*=/im.test(text) && /^\s*(?:parent)?CID\s*=/im.test(text)) return 'resembles';
  return undefined;
}

/**
 * Reads a descriptor.
 * @param bytes up to its end or its first NUL
 * @throws ImgoptError `unsupported` for a kind of disk or extent that imgopt does not read, by name;
 *   `corrupt` when it is none or contradicts itself
 */
export function parseDescriptor(bytes: Uint8Array): Descriptor {
  const { text, encoding } = decode(bytes);
  const keys = new Map<string, string>();
  const database = new Map<string, string>();
  const extentLines: string[] = [];
  for (const untrimmed of text.split(LINE_END)) {
    // No pattern below is tried at more than one place: a megabyte of blanks must not cost a megabyte squared.
    const line = untrimmed.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (/^(?:RW|RDONLY|NOACCESS)\s/.test(line)) {
      extentLines.push(line);
      continue;
    }
    const [key, value] = keyAndValue(line);
    const isDatabase = key.startsWith('ddb.');
    const into = isDatabase ? database : keys;
    const name = isDatabase ? key.slice(4) : key;
    if (!into.has(name)) into.set(name, value);
  }

  const createType = keys.get('createtype');
  if (createType === undefined) {
    throw corrupt('VMDK_DESCRIPTOR', 'the descriptor has no createType', {
      advice: 'it is cut or damaged: copy the image again',
    });
  }
  for (const key of keys.keys()) {
    if (key.startsWith('encryption')) {
      throw unsupported('VMDK_ENCRYPTED', 'the disk is encrypted', {
        advice: 'decrypt it in VMware and export it again',
      });
    }
  }
  refuseForeign(createType);
  if (extentLines.length > MAX_VMDK_EXTENTS) {
    throw corrupt('VMDK_TOO_MANY_EXTENTS', `${extentLines.length} extents, more than ${MAX_VMDK_EXTENTS}`);
  }
  const extents = extentLines.map(parseExtent);
  if (extents.length === 0) {
    throw corrupt('VMDK_NO_EXTENTS', 'the descriptor names no extents', {
      advice: 'it is cut or damaged: copy the image again',
    });
  }
  if (extents.reduce((sum, extent) => sum + extent.size, 0) > MAX_VIRTUAL_SIZE) {
    throw corrupt('VMDK_TOO_LARGE', 'the extents add up to more than 64 TiB');
  }
  const parentCid = contentId(keys.get('parentcid'), 'parentCID');
  return {
    createType,
    cid: contentId(keys.get('cid'), 'CID'),
    parentCid: parentCid === CID_NOPARENT ? null : parentCid,
    parentFileName: keys.get('parentfilenamehint') ?? null,
    extents,
    encoding,
    database,
  };
}

/** `key=value` with the key in lower case and the value without its quotes; no value where there is no `=`. */
function keyAndValue(line: string): [string, string] {
  const at = line.indexOf('=');
  if (at < 0) return [line.trim().toLowerCase(), ''];
  const value = line.slice(at + 1).trim();
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  return [line.slice(0, at).trim().toLowerCase(), isQuoted ? value.slice(1, -1) : value];
}

/** Text in the encoding that it declares; VMware writes names in the encoding of the host that made the disk. */
function decode(bytes: Uint8Array): { text: string; encoding: string | null } {
  const nul = bytes.indexOf(0);
  const used = nul < 0 ? bytes : bytes.subarray(0, nul);
  const ascii = Buffer.from(used.buffer, used.byteOffset, used.length).toString('latin1');
  const declared = ascii
    .split(LINE_END)
    .map(keyAndValue)
    .find(([key]) => key === 'encoding');
  const encoding = declared?.[1] ?? null;
  let decoder = new TextDecoder('utf-8');
  try {
    if (encoding !== null) decoder = new TextDecoder(encoding);
  } catch {
    // An encoding that this platform does not know: the keys are ASCII, only names may suffer.
  }
  return { text: decoder.decode(used), encoding };
}

function refuseForeign(createType: string): void {
  const key = createType.toLowerCase();
  if (READABLE_TYPES.has(key)) return;
  const meaning = Object.hasOwn(FOREIGN_TYPES, key) ? `, ${FOREIGN_TYPES[key]}` : '';
  throw unsupported('VMDK_CREATE_TYPE', `createType ${escapeName(createType)}${meaning}, is not supported`, {
    advice: CONVERT,
  });
}

function contentId(value: string | undefined, key: string): string | null {
  if (value === undefined) return null;
  if (!/^[0-9a-f]{1,8}$/i.test(value)) {
    throw corrupt('VMDK_DESCRIPTOR', `${key}=${escapeName(value.slice(0, 40))} is not a content identifier`);
  }
  return value.toLowerCase().padStart(8, '0');
}

/** One line such as `RW 4192256 SPARSE "test-s001.vmdk"` or `RW 1048576 FLAT "test-f001.vmdk" 0`. */
function parseExtent(line: string): ExtentLine {
  const match = /^(RW|RDONLY|NOACCESS)\s+(\d+)\s+([A-Za-z]\w*)/.exec(line);
  if (match === null) throw badLine(line);
  const [start, access, count, word] = match;
  const { name, rest } = quoted(line.slice(start.length).trim());
  const size = Number(count) * SECTOR;
  if (!(size > 0) || size > MAX_VIRTUAL_SIZE) throw badLine(line);
  const type = word!.toUpperCase();
  if (type !== 'FLAT' && type !== 'SPARSE' && type !== 'ZERO') {
    throw unsupported('VMDK_EXTENT_TYPE', `extents of type ${type} are not supported`, { advice: CONVERT });
  }
  if (access === 'NOACCESS' && type !== 'ZERO') {
    throw unsupported(
      'VMDK_NO_ACCESS',
      'an extent is marked NOACCESS: its content is not part of the image',
      {
        advice: 'image the disk as a whole',
      },
    );
  }
  if (type === 'ZERO') return { type, size, name: '', offset: 0 };
  if (name === undefined || name === '') throw badLine(line);
  if (type === 'SPARSE') {
    if (rest !== '' && rest !== '0') throw badLine(line);
    return { type, size, name, offset: 0 };
  }
  // After the offset of a FLAT extent, partition and device identifiers of a raw disk may follow.
  const offset = /^(\d+)(?:\s|$)/.exec(rest);
  if (offset === null) throw badLine(line);
  const from = Number(offset[1]) * SECTOR;
  if (from > MAX_VIRTUAL_SIZE) throw badLine(line);
  if (/^(?:\\\\\.\\|\/dev\/)/.test(name)) {
    throw unsupported('VMDK_DEVICE_EXTENT', `an extent is the device ${escapeName(name)}`, {
      advice: 'image the device, and analyze that',
    });
  }
  return { type, size, name, offset: from };
}

/** `"name" rest`: the name ends at the last quote. */
function quoted(text: string): { name: string | undefined; rest: string } {
  const last = text.lastIndexOf('"');
  if (!text.startsWith('"') || last === 0) return { name: undefined, rest: text };
  return { name: text.slice(1, last), rest: text.slice(last + 1).trim() };
}

function badLine(line: string): Error {
  return corrupt('VMDK_EXTENT_LINE', `the extent line '${escapeName(line.trim().slice(0, 120))}' is wrong`, {
    advice: 'the descriptor is damaged: copy the image again',
  });
}
