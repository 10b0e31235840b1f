/**
 * Names what a file is when it is no image that we read: so that the refusal says 'this is a gzip file' and not
 * 'unknown format'. Signatures of published formats, from their specifications; nothing here opens anything.
 */
import type { ProbeInput } from '../core/contracts/disk.ts';

export interface Content {
  readonly name: string;
  /** What the user can do about it. */
  readonly advice: string;
  /** An image or archive that imgopt knows of but does not read: unsupported rather than unknown. */
  readonly isKnownImage: boolean;
}

const CONVERT = 'convert it with qemu-img convert -O qcow2 first';
const UNPACK = 'unpack it first';

interface Signature {
  readonly name: string;
  readonly at: number;
  readonly bytes: string;
  readonly advice: string;
  readonly isKnownImage?: true;
}

const SIGNATURES: readonly Signature[] = [
  { name: 'VHD (vpc)', at: 0, bytes: 'conectix', advice: CONVERT, isKnownImage: true },
  { name: 'VHDX', at: 0, bytes: 'vhdxfile', advice: CONVERT, isKnownImage: true },
  { name: 'VDI', at: 64, bytes: '\x7f\x10\xda\xbe', advice: CONVERT, isKnownImage: true },
  { name: 'QED', at: 0, bytes: 'QED\0', advice: CONVERT, isKnownImage: true },
  { name: 'Parallels', at: 0, bytes: 'WithoutFreeSpace', advice: CONVERT, isKnownImage: true },
  { name: 'Parallels', at: 0, bytes: 'WithouFreSpacExt', advice: CONVERT, isKnownImage: true },
  { name: 'qcow (version 1)', at: 0, bytes: 'QFI\xfb\0\0\0\x01', advice: CONVERT, isKnownImage: true },
  {
    name: 'Expert Witness (EWF)',
    at: 0,
    bytes: 'EVF\x09\x0d\x0a\xff\0',
    advice: 'export it as raw first',
    isKnownImage: true,
  },
  {
    name: 'a tar archive (an OVA or Vagrant box, perhaps)',
    at: 257,
    bytes: 'ustar',
    advice: UNPACK,
    isKnownImage: true,
  },
  { name: 'a gzip file', at: 0, bytes: '\x1f\x8b', advice: UNPACK, isKnownImage: true },
  { name: 'an xz file', at: 0, bytes: '\xfd7zXZ\0', advice: UNPACK, isKnownImage: true },
  { name: 'a zstd file', at: 0, bytes: '\x28\xb5\x2f\xfd', advice: UNPACK, isKnownImage: true },
  { name: 'a bzip2 file', at: 0, bytes: 'BZh', advice: UNPACK, isKnownImage: true },
  { name: 'an lz4 file', at: 0, bytes: '\x04\x22\x4d\x18', advice: UNPACK, isKnownImage: true },
  { name: 'a zip archive', at: 0, bytes: 'PK\x03\x04', advice: UNPACK, isKnownImage: true },
  { name: 'a 7-Zip archive', at: 0, bytes: '7z\xbc\xaf\x27\x1c', advice: UNPACK, isKnownImage: true },
  { name: 'an ELF program', at: 0, bytes: '\x7fELF', advice: 'name the disk image instead' },
  { name: 'a PDF document', at: 0, bytes: '%PDF-', advice: 'name the disk image instead' },
  { name: 'a PNG picture', at: 0, bytes: '\x89PNG', advice: 'name the disk image instead' },
  { name: 'a SQLite database', at: 0, bytes: 'SQLite format 3\0', advice: 'name the disk image instead' },
];

function matches(bytes: Uint8Array, signature: Signature): boolean {
  if (bytes.length < signature.at + signature.bytes.length) return false;
  for (let i = 0; i < signature.bytes.length; i++) {
    if (bytes[signature.at + i] !== signature.bytes.charCodeAt(i)) return false;
  }
  return true;
}

/** Printable ASCII, white space and UTF-8 continuation: what text files consist of. */
function looksLikeText(bytes: Uint8Array): boolean {
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
  for (const signature of SIGNATURES) {
    if (matches(head, signature)) {
      return {
        name: signature.name,
        advice: signature.advice,
        isKnownImage: signature.isKnownImage === true,
      };
    }
  }
  // A fixed VHD is raw data with a footer in its last 512 bytes (511 in images of old Virtual PC).
  for (const back of [512, 511]) {
    const footer = tail.subarray(Math.max(0, tail.length - back));
    if (footer.length === back && matches(footer, SIGNATURES[0]!)) {
      return { name: SIGNATURES[0]!.name, advice: CONVERT, isKnownImage: true };
    }
  }
  const trailer = tail.subarray(Math.max(0, tail.length - 512));
  if (trailer.length === 512 && matches(trailer, { name: '', at: 0, bytes: 'koly', advice: '' })) {
    return { name: 'an Apple disk image (dmg)', advice: CONVERT, isKnownImage: true };
  }
  if (head.every((byte) => byte === 0) && tail.every((byte) => byte === 0)) {
    return {
      name: 'zeros where a partition table or filesystem should be',
      advice: 'the build or copy never wrote it: make it again',
      isKnownImage: false,
    };
  }
  if (looksLikeText(head)) {
    const first = head.find((byte) => byte > 32);
    const name = first === 0x7b || first === 0x5b ? 'JSON or other text' : 'text';
    return { name, advice: 'name the disk image instead', isKnownImage: false };
  }
  if (entropy(head) > 7.5) {
    return {
      name: 'random, encrypted or compressed bytes',
      advice: 'if the image is encrypted, analyze it before encryption',
      isKnownImage: false,
    };
  }
  return {
    name: 'data without a partition table or filesystem that imgopt knows',
    advice: 'check that the file is a whole disk image',
    isKnownImage: false,
  };
}
