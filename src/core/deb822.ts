/**
 * Paragraphs of `Field: value` lines as Debian's tools write them (deb822(5)): the status file of dpkg, apt's
 * extended states. A status file is a megabyte or more and read on every run, so this is one pass over the bytes
 * that decodes only the fields that somebody asked for.
 */

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const HASH = 35;

const decoder = new TextDecoder();

/**
 * Calls `each` for every paragraph with the wanted fields that it has. Continuation lines are joined by `\n`.
 * Lines that are no fields are ignored; nothing throws.
 * @param wanted field names in lower case
 */
export function readParagraphs(
  bytes: Uint8Array,
  wanted: ReadonlySet<string>,
  each: (fields: Map<string, string>) => void,
): void {
  let fields = new Map<string, string>();
  let current: string | undefined;
  let isInside = false;
  let at = 0;
  while (at < bytes.length) {
    let end = bytes.indexOf(LF, at);
    if (end < 0) end = bytes.length;
    const stop = end > at && bytes[end - 1] === CR ? end - 1 : end;
    const first = bytes[at];
    if (isBlank(bytes, at, stop)) {
      if (isInside) {
        each(fields);
        fields = new Map();
        isInside = false;
      }
      current = undefined;
    } else if (first === SPACE || first === TAB) {
      if (current !== undefined) fields.set(current, `${fields.get(current)}\n${text(bytes, at, stop)}`);
    } else if (first !== HASH) {
      isInside = true;
      current = undefined;
      const colon = bytes.indexOf(COLON, at);
      if (colon > at && colon < stop && colon - at <= 64) {
        const name = decoder.decode(bytes.subarray(at, colon)).toLowerCase();
        if (wanted.has(name)) {
          current = name;
          fields.set(name, text(bytes, colon + 1, stop));
        }
      }
    }
    at = end + 1;
  }
  if (isInside) each(fields);
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== SPACE && bytes[i] !== TAB) return false;
  return true;
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end)).trim();
}
