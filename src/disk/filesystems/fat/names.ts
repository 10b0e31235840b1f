/**
 * Names of directory entries, as a Linux guest sees them: the long name when it belongs to its entry, else the
 * short one decoded from code page 437 (the kernel's default) with Windows NT's case bits applied.
 */
import { LONG, LONG_UNITS, NAME_KANJI_E5, NT_LOWER_BASE, NT_LOWER_EXTENSION } from './layout.ts';

/** Code page 437, 0x80 to 0xff (unicode.org/Public/MAPPINGS/VENDORS/MICSFT/PC/CP437.TXT). */
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

const utf16 = new TextDecoder('utf-16le');

function decode437(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : CP437[byte - 0x80]!;
  return text;
}

function trimEnd(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0x20) end--;
  return bytes.subarray(0, end);
}

/** An 8.3 name; undefined when it holds control characters or nothing: no writer makes such an entry. */
export function shortName(entry: Uint8Array, at: number, ntFlags: number): string | undefined {
  const raw = new Uint8Array(entry.subarray(at, at + 11)); // a copy: slice() of a Buffer is none
  if (raw[0] === NAME_KANJI_E5) raw[0] = 0xe5;
  if (raw[0] === 0x20 || raw.some((byte) => byte < 0x20)) return undefined;
  let base = decode437(trimEnd(raw.subarray(0, 8)));
  let extension = decode437(trimEnd(raw.subarray(8)));
  if (ntFlags & NT_LOWER_BASE) base = base.toLowerCase();
  if (ntFlags & NT_LOWER_EXTENSION) extension = extension.toLowerCase();
  return extension === '' ? base : `${base}.${extension}`;
}

/** A volume label of 11 bytes, without the blanks that fill it. */
export function labelText(raw: Uint8Array): string {
  const copy = new Uint8Array(raw.subarray(0, 11));
  if (copy[0] === NAME_KANJI_E5) copy[0] = 0xe5;
  return decode437(copy).trimEnd();
}

/** Checksum of an 8.3 name that ties long-name entries to it (fatgen103, page 28). */
export function shortNameChecksum(entry: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + entry[at + i]!) & 0xff;
  return sum;
}

/** Collects the long-name entries that stand in reverse order before their short entry. */
export class LongName {
  private readonly units = new Uint8Array(20 * 26);
  private checksum = 0;
  private expected = -1;
  private pieces = 0;

  /** Forgets what was collected. @returns true when there was something, now orphaned */
  reset(): boolean {
    const had = this.expected >= 0;
    this.expected = -1;
    return had;
  }

  /** Adds an entry; `ordinal` without its last-entry bit, `isLast` that bit. @returns false when out of order */
  add(entries: Uint8Array, at: number, ordinal: number, isLast: boolean): boolean {
    const checksum = entries[at + LONG.LDIR_Chksum]!;
    if (isLast) {
      if (ordinal < 1 || ordinal > 20) return false;
      this.pieces = ordinal;
      this.checksum = checksum;
    } else if (ordinal !== this.expected - 1 || ordinal < 1 || checksum !== this.checksum) return false;
    this.expected = ordinal;
    LONG_UNITS.forEach((offset, i) => {
      this.units[(ordinal - 1) * 26 + 2 * i] = entries[at + offset]!;
      this.units[(ordinal - 1) * 26 + 2 * i + 1] = entries[at + offset + 1]!;
    });
    return true;
  }

  /** The name, when every piece came and belongs to this short name; forgets it. */
  take(shortChecksum: number): string | undefined {
    const complete = this.expected === 1 && shortChecksum === this.checksum;
    this.expected = -1;
    if (!complete) return undefined;
    let end = 0;
    const limit = this.pieces * 26;
    while (end < limit && (this.units[end] !== 0 || this.units[end + 1] !== 0)) end += 2;
    // Surrogate pairs become one character; a half alone becomes U+FFFD.
    return end === 0 ? undefined : utf16.decode(this.units.subarray(0, end));
  }
}
