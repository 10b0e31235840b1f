/**
 * Fixtures are small real images made by real tools, committed as `test/fixtures/<folder>/<file>.zst` beside
 * the recipe (`make.sh`) and what another tool says of them (`expected.json`).
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdDecompressSync } from 'node:zlib';

export const FIXTURES = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures');
const CACHE = join(FIXTURES, '..', '..', 'node_modules', '.cache', 'imgopt-fixtures');

/** Content of a fixture, decompressed when it is committed with `.zst`. */
export function fixtureBytes(name: string): Buffer {
  const packed = join(FIXTURES, `${name}.zst`);
  return existsSync(packed) ? zstdDecompressSync(readFileSync(packed)) : readFileSync(join(FIXTURES, name));
}

/** Path of a fixture as a plain file; a `.zst` is unpacked once, sparsely, into a cache. Never write to it. */
export function fixturePath(name: string): string {
  const packed = join(FIXTURES, `${name}.zst`);
  if (!existsSync(packed)) return join(FIXTURES, name);
  const { mtimeMs, size } = statSync(packed);
  const path = join(CACHE, `${Math.round(mtimeMs)}-${size}`, name);
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    const temporary = `${path}.${process.pid}`;
    writeSparse(temporary, fixtureBytes(name));
    renameSync(temporary, path);
  }
  return path;
}

/** Writes bytes to a new file, leaving holes where 64 KiB are zero. */
export function writeSparse(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'w');
  const step = 65536;
  const zeros = Buffer.alloc(step);
  for (let at = 0; at < bytes.length; at += step) {
    const piece = bytes.subarray(at, Math.min(at + step, bytes.length));
    if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0)
      writeSync(file, piece, 0, piece.length, at);
  }
  ftruncateSync(file, bytes.length);
  closeSync(file);
}

/** The `expected.json` beside a fixture. */
export function fixtureExpected<T>(folder: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, folder, 'expected.json'), 'utf8')) as T;
}
