/** Recognises compressed files by their first bytes, without loading what could decompress them. */

/** Magic numbers of gzip (RFC 1952) and of zstd frames, skippable ones included (RFC 8878). */
export function hasCompressedMagic(head: Uint8Array): boolean {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return true;
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return true;
  return a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18;
}
