/**
 * Names what a file is when it is no image at all: so that the refusal says 'this is text' and not 'unknown
 * format'. Images and archives that imgopt knows of are recognised by drivers (src/disk/formats/recognised).
 */
import type { ProbeInput } from '../core/contracts/disk.ts';
import { looksLikeText } from '../core/text.ts';

export interface Content {
  readonly name: string;
  /** What the user can do about it. */
  readonly advice: string;
}

const OTHER_FILE = 'name the disk image instead';

/** First bytes, as characters. */
const SIGNATURES: readonly { readonly name: string; readonly bytes: string }[] = [
  { name: 'an ELF program', bytes: '\x7fELF' },
  { name: 'a PDF document', bytes: '%PDF-' },
  { name: 'a PNG picture', bytes: '\x89PNG' },
  { name: 'a SQLite database', bytes: 'SQLite format 3\0' },
  { name: 'a Debian package', bytes: '!<arch>\ndebian-binary' },
  { name: 'an rpm package', bytes: '\xed\xab\xee\xdb' },
  { name: 'a Windows program', bytes: 'MZ' },
];

function startsWith(bytes: Uint8Array, magic: string): boolean {
  if (bytes.length < magic.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** Shannon entropy in bits per byte. */
function entropy(bytes: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]!++;
  let sum = 0;
  for (const count of counts) if (count > 0) sum -= (count / bytes.length) * Math.log2(count / bytes.length);
  return sum;
}

/** What the bytes look like; always an answer. */
export function describeContent({ head, tail }: ProbeInput): Content {
  const signature = SIGNATURES.find(({ bytes }) => startsWith(head, bytes));
  if (signature !== undefined) return { name: signature.name, advice: OTHER_FILE };
  if (head.every((byte) => byte === 0) && tail.every((byte) => byte === 0)) {
    return {
      name: 'zeros where a partition table or filesystem should be',
      advice: 'the build or copy never wrote it: make it again',
    };
  }
  if (looksLikeText(head)) {
    const first = head.find((byte) => byte > 32);
    const name = first === 0x7b || first === 0x5b ? 'JSON or other text' : 'text';
    return { name, advice: OTHER_FILE };
  }
  if (entropy(head) > 7.5) {
    return {
      name: 'random, encrypted or compressed bytes',
      advice: 'if the image is encrypted, analyze it before encryption',
    };
  }
  return {
    name: 'data without a partition table or filesystem that imgopt knows',
    advice: 'check that the file is a whole disk image',
  };
}
