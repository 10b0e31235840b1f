/**
 * Finding zeros at memory speed: three probes decide for nearly every block that holds data; only what passes them
 * is compared in full, by memcmp.
 */

const ZEROS = Buffer.alloc(1 << 20);

/** True when all of `bytes` is zero; true for nothing at all. */
export function isZero(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (length === 0) return true;
  if (bytes[0] !== 0 || bytes[length >> 1] !== 0 || bytes[length - 1] !== 0) return false;
  for (let start = 0; start < length; start += ZEROS.length) {
    const end = Math.min(length, start + ZEROS.length);
    if (ZEROS.compare(bytes, start, end, 0, end - start) !== 0) return false;
  }
  return true;
}

/**
 * The stretches of `bytes` worth storing, as flat pairs start, end. Zeros are only left out in whole units of
 * `unit` bytes counted from `phase`: pass the position in the file, so that units are the file's blocks.
 */
export function dataRuns(bytes: Uint8Array, unit: number, phase = 0): number[] {
  const runs: number[] = [];
  let start = -1;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + unit - ((phase + at) % unit));
    // Nearly every block of data begins with some: no view is made for it.
    if (bytes[at] === 0 && isZero(bytes.subarray(at, end))) {
      if (start >= 0) runs.push(start, at);
      start = -1;
    } else if (start < 0) start = at;
    at = end;
  }
  if (start >= 0) runs.push(start, bytes.length);
  return runs;
}
