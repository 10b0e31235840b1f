/**
 * Gives a large buffer back at once. The collector sees only a small handle and would let hundreds of megabytes of
 * them wait for it.
 */
export function release(bytes: Uint8Array): void {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?(length: number): ArrayBuffer };
  // What is smaller may lie in a pool of Node's, which is 8 to 64 KiB.
  if (bytes.length >= 65536 || buffer.byteLength > 65536) buffer.transfer?.(0);
}
