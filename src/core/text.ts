/**
 * Text that comes from inside an artifact: decoding it without loss of attention, and showing it without
 * letting it drive the terminal (control characters, bidi overrides, zero-width characters).
 */

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/** Bytes to text; invalid UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** True for what text files consist of: printable UTF-8 and white space, as far as the first 4 KiB show. */
export function looksLikeText(bytes: Uint8Array): boolean {
  const sample = bytes.subarray(0, 4096);
  for (const byte of sample)
    if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27) || byte === 127) return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(sample, { stream: true });
    return true;
  } catch {
    return false; // not UTF-8: no text to us
  }
}

/** A fixed-size field of ASCII or UTF-8 text, up to its first NUL, without trailing blanks. */
export function decodeField(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end)).trimEnd();
}

// C0, DEL, C1, soft hyphen, Arabic letter mark, zero-width and bidi marks, line separators, BOM, tags.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** A name from inside an image, safe for a terminal or a log line: unsafe characters as `\x1b` or `\u{202e}`. */
export function escapeName(name: string): string {
  return name.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0)!;
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Compares by code unit, the same on every platform and locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Hexadecimal with prefix, for offsets in messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** 16 bytes as a UUID in the order of RFC 9562 (ext, XFS, btrfs, LUKS). */
export function formatUuid(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}

/** 16 bytes as a GUID with its first three fields little-endian (GPT, VHDX). */
export function formatGuid(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  return formatUuid(Uint8Array.from(order, (index) => bytes[index]!));
}
