/**
 * What every package database must hold to, whatever it reads. Give it trees with real databases; a plugin
 * runs the same suite over its own.
 */
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Package, PackageDatabase, RootTree } from '../../src/core/contracts/package.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import { memoryRoot, type TestRoot } from '../support/folder-root.ts';

/** Files of a guest by absolute path; `{ link }` is a symbolic link, null a directory. */
export type GuestFiles = Readonly<Record<string, string | Uint8Array | { readonly link: string } | null>>;

export interface PackageSample {
  readonly name: string;
  readonly files: GuestFiles;
  /** Paths whose bytes are the database's: these are mutated. */
  readonly database: readonly string[];
  /** Mutations to try; 60 unless told. */
  readonly mutations?: number;
}

/** Reads a tree, with the diagnostics that came up. */
export async function readPackages(
  database: PackageDatabase,
  root: RootTree,
): Promise<{ packages: Package[]; codes: string[] }> {
  const log = new DiagnosticLog();
  const packages = await database.read(root, new RunContext({ log }));
  return { packages, codes: log.list().map((diagnostic) => diagnostic.code) };
}

/** A small generator with a fixed seed (mulberry32): failures can be repeated. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One hostile copy: flipped bytes, a number of extreme value, a cut, a moved block, or a run of one byte. */
export function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const copy = new Uint8Array(bytes);
  if (copy.length === 0) return copy;
  // Heads and indexes come first in most formats: half of the hits go there.
  const place = () => random(random(2) === 0 ? Math.min(copy.length, 8192) : copy.length);
  for (let hits = 1 + random(6); hits > 0; hits--) {
    const at = place();
    switch (random(5)) {
      case 0:
        copy[at] = random(256);
        break;
      case 1:
        copy.fill([0x00, 0xff, 0x7f, 0x80][random(4)]!, at, at + [2, 4, 8][random(3)]!);
        break;
      case 2:
        return copy.slice(0, at);
      case 3:
        copy.copyWithin(at, place(), at + 1 + random(256));
        break;
      default:
        copy.fill(random(256), at, at + random(64));
    }
  }
  return copy;
}

/** Everything that a test can compare of a package, with its entries as an array. */
function comparable(packages: readonly Package[]) {
  return packages.map((one) => ({ ...one, entries: [...one.entries] }));
}

function withoutChild(root: TestRoot): RootTree {
  return {
    lookup: (path, follow) => root.lookup(path, follow),
    list: (path) => root.list(path),
    read: (path) => root.read(path),
    readMany: (paths) => root.readMany(paths),
  };
}

/** One package keeps the promises of the contract. */
function expectSound(database: PackageDatabase, root: TestRoot, packages: readonly Package[]): void {
  for (const one of packages) {
    expect(one.manager).toBe(database.manager);
    expect(one.name).not.toBe('');
    expect(
      one.installedSize === null || (Number.isSafeInteger(one.installedSize) && one.installedSize >= 0),
    ).toBe(true);
    let last = -1;
    for (const entry of one.entries) {
      expect(entry).toBeGreaterThan(last);
      last = entry;
    }
    expect(last).toBeLessThan(root.table.count);
    if (one.dependencies !== undefined) {
      const names = new Set(one.dependencies.requires.map((each) => each.map(({ name }) => name).join('|')));
      expect(new Set(one.requires.map((each) => each.join('|')))).toEqual(names);
      for (const all of [one.dependencies.provides, one.dependencies.conflicts]) {
        for (const { relation, version } of all) expect(relation === null).toBe(version === null);
      }
    }
    if (one.installTime !== undefined) expect(one.installTime).toBeGreaterThanOrEqual(0);
  }
}

/** Far more than a busy machine needs for one damaged database. */
const HANG_MS = 20_000;

/** Declares the suite for one database. */
export function packageDatabaseContract(
  database: PackageDatabase,
  samples: () => readonly PackageSample[],
): void {
  describe(`package database ${database.manager}: contract`, () => {
    it('finds nothing in a tree without its marker', async () => {
      const root = memoryRoot({ '/etc/hostname': 'guest\n' });
      expect(await readPackages(database, root)).toEqual({ packages: [], codes: [] });
    });

    for (const sample of samples()) {
      it(`${sample.name}: has a marker, packages in order, entries ascending and in the table`, async () => {
        const root = memoryRoot(sample.files);
        expect(database.markers.some((marker) => root.lookup(marker) >= 0)).toBe(true);
        const { packages, codes } = await readPackages(database, root);
        expect(codes).toEqual([]);
        expect(packages.length).toBeGreaterThan(0);
        expectSound(database, root, packages);
        // The same version may be installed in several places: then the section tells them apart.
        const keys = packages.map(
          (one) => `${one.name}\0${one.architecture ?? ''}\0${one.version}\0${one.section ?? ''}`,
        );
        expect(keys).toEqual([...keys].sort());
        expect(new Set(keys).size).toBe(keys.length);
      });

      it(`${sample.name}: reads the same twice, and through a tree that only looks up paths`, async () => {
        const root = memoryRoot(sample.files);
        const first = comparable((await readPackages(database, root)).packages);
        expect(comparable((await readPackages(database, root)).packages)).toEqual(first);
        expect(comparable((await readPackages(database, withoutChild(root))).packages)).toEqual(first);
      });

      it(`${sample.name}: hostile bytes give packages or an error of ours, soon`, async () => {
        const random = randomNumbers(0x5eed);
        const count = sample.mutations ?? 60;
        for (let round = 0; round < count; round++) {
          const path = sample.database[random(sample.database.length)]!;
          const content = sample.files[path]!;
          const bytes =
            typeof content === 'string' ? new TextEncoder().encode(content) : (content as Uint8Array);
          const root = memoryRoot({ ...sample.files, [path]: mutated(bytes, random) });
          const started = performance.now();
          try {
            const { packages } = await readPackages(database, root);
            expectSound(database, root, packages);
          } catch (error) {
            if (!(error instanceof ImgoptError))
              throw new Error(`round ${round} of ${path}`, { cause: error });
            expect(error.family).toMatch(/^(corrupt|unsupported|unreadable)$/);
          }
          expect(performance.now() - started).toBeLessThan(HANG_MS);
        }
      });
    }
  });
}
