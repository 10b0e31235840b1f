/**
 * Names in UTF-16, to bytes and to text. NTFS checks no surrogates: half a pair alone is encoded as if it were a
 * character (WTF-8), as ntfs-3g does, so that names that differ stay different.
 */
const utf16 = new TextDecoder('utf-16le');

/** `units` code units as text; half a pair alone becomes U+FFFD. */
export function decodeName(view: DataView, at: number, units: number): string {
  return utf16.decode(new Uint8Array(view.buffer, view.byteOffset + at, units * 2));
}

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;

/** Most bytes of a name of 255 units. */
export const MAX_NAME_BYTES = 765;

/**
 * Writes `units` code units as UTF-8 to `target` from `to` on.
 * @param isPath slashes may be part of it
 * @returns where it ends; negative (its complement) when the name held '/' or NUL, which became '?'
 */
export function encodeName(
  view: DataView,
  at: number,
  units: number,
  target: Uint8Array,
  to: number,
  isPath = false,
): number {
  let isClean = true;
  let end = to;
  for (let i = 0; i < units; i++) {
    let code = view.getUint16(at + 2 * i, true);
    if (code < 0x80) {
      if (code === 0 || (code === SLASH && !isPath)) {
        isClean = false;
        code = QUESTION_MARK;
      }
      target[end++] = code;
      continue;
    }
    if (code >= 0xd800 && code < 0xdc00 && i + 1 < units) {
      const low = view.getUint16(at + 2 * i + 2, true);
      if (low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + (((code - 0xd800) << 10) | (low - 0xdc00));
        i++;
      }
    }
    if (code < 0x800) target[end++] = 0xc0 | (code >>> 6);
    else if (code < 0x10000) {
      target[end++] = 0xe0 | (code >>> 12);
      target[end++] = 0x80 | ((code >>> 6) & 0x3f);
    } else {
      target[end++] = 0xf0 | (code >>> 18);
      target[end++] = 0x80 | ((code >>> 12) & 0x3f);
      target[end++] = 0x80 | ((code >>> 6) & 0x3f);
    }
    target[end++] = 0x80 | (code & 0x3f);
  }
  return isClean ? end : ~end;
}
