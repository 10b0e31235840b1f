/**
 * The system use area behind a directory record's name (SUSP 1.12), and what Rock Ridge (RRIP 1.12) writes there. An
 * area may go on elsewhere (CE); places and lengths are the disc's own, so the chain is bounded.
 */
import { corrupt } from '../../../core/errors.ts';
import { viewOf } from '../../../core/record.ts';
import { CE_SIZE, NM, ROCK_RIDGE_IDS, SL, SUSP_HEADER, TF } from './layout.ts';

/** What Rock Ridge says of an entry; what is undefined was not said. */
export interface RockRidge {
  name: Uint8Array | undefined;
  mode: number | undefined;
  links: number;
  uid: number;
  gid: number;
  modified: number | undefined;
  target: Uint8Array | undefined;
  /** Block of the directory that lies elsewhere because it is too deep. */
  child: number | undefined;
  /** The directory that was moved here is shown where its CL is. */
  isRelocated: boolean;
  /** zisofs: size of what it holds, decompressed. */
  zisofsSize: number | undefined;
}

/** Continuations of one area: a target of 4 KiB takes three of 2 KiB. */
const MAX_CONTINUATIONS = 32;
/** Longest name and target that are put together, as Linux's NAME_MAX and PATH_MAX. */
const MAX_NAME = 255;
const MAX_TARGET = 4096;

/** Reads a continuation: `length` bytes at block `block`, byte `offset`. */
export type ReadContinuation = (block: number, offset: number, length: number) => Promise<Uint8Array>;

/** Whether a root's own record announces SUSP: bytes to skip in every area; undefined when it does not. */
export function suspSkip(area: Uint8Array): number | undefined {
  const isSp =
    area.length >= 7 && area[0] === 0x53 && area[1] === 0x50 && area[4] === 0xbe && area[5] === 0xef;
  return isSp ? area[6] : undefined;
}

type Field = (signature: string, area: Uint8Array, at: number, length: number) => void;

/**
 * Walks an area's entries, continuations too. Only what has one awaits.
 * @throws ImgoptError `corrupt`
 */
export async function walkArea(area: Uint8Array, read: ReadContinuation, field: Field): Promise<void> {
  let bytes = area;
  for (let round = 0; ; round++) {
    let next: [block: number, offset: number, length: number] | undefined;
    for (let at = 0; at + SUSP_HEADER <= bytes.length; ) {
      const length = bytes[at + 2]!;
      if (length === 0 && bytes[at] === 0) break; // padding
      if (length < SUSP_HEADER || at + length > bytes.length)
        throw corrupt('ISO_SUSP', `an entry of ${length} bytes does not fit its system use area`);
      const signature = String.fromCharCode(bytes[at]!, bytes[at + 1]!);
      if (signature === 'ST') break;
      if (signature === 'CE' && length >= CE_SIZE) {
        const view = viewOf(bytes);
        next = [view.getUint32(at + 4, true), view.getUint32(at + 12, true), view.getUint32(at + 20, true)];
      } else field(signature, bytes, at, length);
      at += length;
    }
    if (next === undefined) return;
    if (round >= MAX_CONTINUATIONS)
      throw corrupt('ISO_SUSP', `a system use area goes on more than ${MAX_CONTINUATIONS} times`);
    bytes = await read(...next);
  }
}

/** Whether the root's own area announces Rock Ridge: by ER, or by its entries in old images without one. */
export async function hasRockRidge(area: Uint8Array, read: ReadContinuation): Promise<boolean> {
  let found = false;
  await walkArea(area, read, (signature, bytes, at, length) => {
    if (signature === 'ER' && length >= 8) {
      const id = Buffer.from(bytes.subarray(at + 8, at + 8 + bytes[at + 4]!)).toString('latin1');
      found ||= ROCK_RIDGE_IDS.includes(id);
    } else if (signature === 'RR' || signature === 'PX') found = true;
  });
  return found;
}

const SLASH = Buffer.from('/');

/** @throws ImgoptError `corrupt` */
export async function readRockRidge(area: Uint8Array, read: ReadContinuation): Promise<RockRidge> {
  const result: RockRidge = {
    name: undefined,
    mode: undefined,
    links: 1,
    uid: 0,
    gid: 0,
    modified: undefined,
    target: undefined,
    child: undefined,
    isRelocated: false,
    zisofsSize: undefined,
  };
  const names: Uint8Array[] = [];
  const link = new LinkTarget();
  await walkArea(area, read, (signature, bytes, at, length) => {
    const view = viewOf(bytes);
    if (signature === 'NM' && length >= 5 && (bytes[at + 4]! & (NM.current | NM.parent)) === 0)
      names.push(bytes.slice(at + 5, at + length));
    else if (signature === 'PX' && length >= 36) {
      result.mode = view.getUint32(at + 4, true);
      result.links = view.getUint32(at + 12, true);
      result.uid = view.getUint32(at + 20, true);
      result.gid = view.getUint32(at + 28, true);
    } else if (signature === 'SL' && length >= 5) link.add(bytes.subarray(at + 5, at + length));
    else if (signature === 'CL' && length >= 12) result.child = view.getUint32(at + 4, true);
    else if (signature === 'RE') result.isRelocated = true;
    else if (signature === 'TF' && length >= 5) result.modified = modifiedOf(bytes.subarray(at, at + length));
    else if (signature === 'ZF' && length >= 16) result.zisofsSize = view.getUint32(at + 8, true);
  });
  const name = Buffer.concat(names);
  if (name.length > MAX_NAME) throw corrupt('ISO_NAME', `a name of ${name.length} bytes`);
  if (name.length > 0) result.name = name;
  result.target = link.target();
  return result;
}

/** Components of SL, which may be cut anywhere, put together. */
class LinkTarget {
  private readonly parts: Uint8Array[] = [];
  private size = 0;
  private isOpen = false;
  private isSeen = false;
  private endsInRoot = false;

  add(components: Uint8Array): void {
    this.isSeen = true;
    for (let at = 0; at + 2 <= components.length; ) {
      const flags = components[at]!;
      const end = at + 2 + components[at + 1]!;
      if (end > components.length) throw corrupt('ISO_SUSP', 'a component of a link does not fit its entry');
      if (this.size > 0 && !this.isOpen && !this.endsInRoot) this.push(SLASH);
      this.endsInRoot = (flags & SL.root) !== 0;
      if (this.endsInRoot) this.push(SLASH);
      else if ((flags & SL.current) !== 0) this.push(Buffer.from('.'));
      else if ((flags & SL.parent) !== 0) this.push(Buffer.from('..'));
      else this.push(components.slice(at + 2, end));
      this.isOpen = (flags & SL.continued) !== 0;
      at = end;
    }
  }

  private push(bytes: Uint8Array): void {
    this.size += bytes.length;
    if (this.size > MAX_TARGET) throw corrupt('ISO_LINK', `a target of more than ${MAX_TARGET} bytes`);
    this.parts.push(bytes);
  }

  target(): Uint8Array | undefined {
    return this.isSeen ? Buffer.concat(this.parts) : undefined;
  }
}

/** Of TF's stamps the second, when it is there: creation stands before it. */
function modifiedOf(entry: Uint8Array): number | undefined {
  const flags = entry[4]!;
  if ((flags & TF.modify) === 0) return undefined;
  const size = (flags & TF.long) !== 0 ? 17 : 7;
  const at = 5 + ((flags & 1) !== 0 ? size : 0);
  if (at + size > entry.length) return undefined;
  return size === 7 ? shortDate(entry, at) : longDate(entry, at);
}

/** Seven bytes, the last the offset from UTC in quarters of an hour (ECMA-119, 9.1.5). Seconds since 1970. */
export function shortDate(bytes: Uint8Array, at: number): number {
  const [year, month, day, hour, minute, second] = bytes.subarray(at, at + 6);
  if (month === 0) return 0;
  const zone = (bytes[at + 6]! << 24) >> 24;
  return Date.UTC(1900 + year!, month! - 1, day!, hour!, minute!, second!) / 1000 - zone * 900;
}

/** Sixteen digits, the last two of them hundredths, and the same offset. */
function longDate(bytes: Uint8Array, at: number): number {
  const text = Buffer.from(bytes.subarray(at, at + 16)).toString('latin1');
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\d\d$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts[1] === 0) return 0;
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  const zone = (bytes[at + 16]! << 24) >> 24;
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000 - zone * 900;
}
