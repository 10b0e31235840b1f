/** Filesystems of Windows, Apple and optical discs. */
import { recogniser, type Window } from './window.ts';

/** exFAT file system specification, 3.1 and 7.3. */
const exfat = recogniser('exfat', 'filesystem', (at) => {
  if (!at.is(3, 'EXFAT   ')) return undefined;
  const serial = at.u32(100).toString(16).toUpperCase().padStart(8, '0');
  return { label: exfatLabel(at), uuid: `${serial.slice(0, 4)}-${serial.slice(4)}` };
});

function exfatLabel(at: Window): string | null {
  const sectorShift = at.u8(108);
  const clusterShift = sectorShift + at.u8(109);
  if (sectorShift < 9 || clusterShift > 25) return null;
  const root = at.u32(88) * 2 ** sectorShift + (at.u32(96) - 2) * 2 ** clusterShift;
  for (let entry = root; entry < root + 2 ** clusterShift && at.has(entry, 32); entry += 32) {
    const type = at.u8(entry);
    if (type === 0) return null;
    if (type === 0x83) return at.utf16(entry + 2, 2 * Math.min(11, at.u8(entry + 1)));
  }
  return null;
}

const refs = recogniser('ReFS', 'filesystem', (at) => (at.is(0, '\0\0\0ReFS\0') ? {} : undefined));

/** Apple's Technical Note 1150: both stand at byte 1024; HFS may only wrap an HFS+. Big-endian. */
const hfs = recogniser('hfsplus', 'filesystem', (at) => {
  if (at.is(1024, 'H+') || at.is(1024, 'HX')) return { uuid: appleUuid(at, 1024 + 104) };
  if (!at.is(1024, 'BD')) return undefined;
  const blockSize = at.u32(1024 + 20, false);
  if (blockSize === 0 || blockSize % 512 !== 0) return undefined;
  if (at.is(1024 + 124, 'H+') || at.is(1024 + 124, 'HX')) {
    const start = at.u16(1024 + 28, false) * 512 + at.u16(1024 + 126, false) * blockSize;
    return { uuid: appleUuid(at, start + 1024 + 104), description: 'hfsplus in an hfs wrapper' };
  }
  return {
    type: 'hfs',
    label: at.text(1024 + 37, Math.min(27, at.u8(1024 + 36))),
    uuid: appleUuid(at, 1024 + 116),
  };
});

/** Namespace of Apple's UUIDs: kFSUUIDNamespaceSHA1's older MD5 form, as blkid computes it. */
const APPLE_NAMESPACE = Uint8Array.of(
  0xb3,
  0xe2,
  0x0f,
  0x39,
  0xf2,
  0x92,
  0x11,
  0xd6,
  0x97,
  0xa4,
  0x00,
  0x30,
  0x65,
  0x43,
  0xec,
  0xac,
);

/** A UUID of version 3 over the eight bytes that Finder keeps as the volume's identifier. */
function appleUuid(at: Window, offset: number): string | null {
  const id = at.bytes(offset, 8);
  if (id === undefined || id.every((byte) => byte === 0)) return null;
  let digest: Buffer;
  try {
    // Loaded here: every run probes, hardly any meets HFS.
    digest = process
      .getBuiltinModule('node:crypto')
      .createHash('md5')
      .update(APPLE_NAMESPACE)
      .update(id)
      .digest();
  } catch {
    return null; // a Node in FIPS mode has no MD5
  }
  digest[6] = 0x30 | (digest[6]! & 0x0f);
  digest[8] = 0x80 | (digest[8]! & 0x3f);
  return digest.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Apple File System Reference: nx_superblock_t. */
const apfs = recogniser('apfs', 'filesystem', (at) =>
  at.is(32, 'NXSB') ? { uuid: at.uuid(72) } : undefined,
);

/** Volume descriptors of 2048 bytes from 32 KiB on, for ECMA-119 (ISO 9660) and ECMA-167 (UDF) alike. */
const DESCRIPTORS = 0x8000;
const DESCRIPTOR_SIZE = 2048;

function isUdf(at: Window): boolean {
  for (let i = 0; i < 16; i++) {
    const start = DESCRIPTORS + i * DESCRIPTOR_SIZE + 1;
    if (at.is(start, 'NSR02') || at.is(start, 'NSR03')) return true;
  }
  return false;
}

/** The label lies behind the anchor at sector 256, which is past what a probe sees. */
const udf = recogniser('udf', 'filesystem', (at) => {
  if (!isUdf(at)) return undefined;
  return at.is(DESCRIPTORS + 1, 'CD001') ? { description: 'UDF with an ISO 9660 bridge' } : {};
});

export const foreignRecognisers = [exfat, refs, hfs, apfs, udf];
