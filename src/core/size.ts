/**
 * Sizes in and out, in the words of `du -h` and `qemu-img`: K, M, G, T alone and KiB, MiB … are powers of
 * 1024; KB, MB … are powers of 1000. Printed sizes are binary, with their unit.
 */
import { usage } from './errors.ts';

const UNITS: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
  pib: 1024 ** 5,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  pb: 1000 ** 5,
};

/**
 * Parses a size such as `512MiB`, `2GB`, `1.5G` or `4096`.
 * @returns bytes, rounded to an integer
 * @throws ImgoptError (usage) when it is not a size, is negative or exceeds 2^53 - 1
 */
export function parseSize(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)\s*$/i.exec(text);
  const unit = match === null ? undefined : UNITS[match[2]!.toLowerCase()];
  if (match === null || unit === undefined) {
    throw usage('BAD_SIZE', `'${text}' is not a size`, { advice: 'write it like 512MiB, 2GB or 1.5G' });
  }
  const bytes = Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(bytes)) throw usage('BAD_SIZE', `'${text}' is too large`);
  return bytes;
}

const NAMES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes for people: `0 B`, `812 B`, `4.0 KiB`, `1.4 GiB`; three significant figures, never `1024 KiB`. */
export function formatSize(bytes: number): string {
  const sign = bytes < 0 ? '-' : '';
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < NAMES.length - 1) {
    value /= 1024;
    unit++;
  }
  // 1023.96 would print as 1024.0: move on to the next unit instead.
  if (unit > 0 && unit < NAMES.length - 1 && value >= 1023.95) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${sign}${value} B`;
  return `${sign}${value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${NAMES[unit]}`;
}

/** A share of a whole for people: `0 %`, `<0.1 %`, `3.4 %`, `100 %`. */
export function formatShare(part: number, whole: number): string {
  if (whole <= 0 || part === 0) return '0 %';
  const share = (part / whole) * 100;
  if (share < 0.1) return '<0.1 %';
  return `${share >= 99.95 ? share.toFixed(0) : share.toFixed(1)} %`;
}

/** 31204 as `31,204`; toLocaleString would load ICU's data for it. */
export function formatCount(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
