/**
 * Mutations inside the real system of test/fixtures/debian-mini, whose image is compressed, so that damage to its
 * file never gets this far: partition table, superblocks, bitmaps, inode tables, directories, FAT, and the text
 * files of the guest. Passing is an inspection or an error of ours, soon. Seeds are fixed: a failure names its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { ImageFormat } from '../../src/core/contracts/disk.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import type { ExtentSet } from '../../src/core/extents.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const SECONDS_PER_ROUND = 10;
/** IMGOPT_FUZZ_SEED=100 tries another hundred. */
const FIRST = process.env.IMGOPT_FUZZ_SEED;
const SEEDS = FIRST === undefined ? [1, 2] : Array.from({ length: 100 }, (_, i) => Number(FIRST) + i);
const folder = temporaryFolder();
const drivers = createRegistry();

/** The disk is `bytes` in memory; its file only has to exist. */
function diskFormat(bytes: Uint8Array): ImageFormat {
  return {
    name: 'fuzz',
    probe: ({ head }) =>
      Buffer.from(head).toString() === 'FUZZ' ? { certainty: 'certain', description: 'fuzz' } : undefined,
    open: async (file, context) => ({
      format: 'fuzz',
      details: {},
      source: memorySource(bytes),
      files: [{ ...context.file, role: 'image', format: 'fuzz' }],
      mapIsExact: true,
      snapshotBytes: 0,
      close: () => file.close(),
    }),
  };
}

async function survive(
  name: string,
  path: string,
  formats: readonly ImageFormat[],
): Promise<'read' | 'partly' | 'refused'> {
  const started = performance.now();
  const context = new RunContext({ log: new DiagnosticLog(), threads: 2 });
  try {
    const inspection = await inspect(path, context, { drivers: { ...drivers, formats } });
    try {
      const { table, packages, filesystems } = inspection;
      for (let entry = 0; entry < table.count; entry++) {
        inspection.pathOf(entry);
        expect(inspection.filesystemOf(entry)).toBeLessThan(filesystems.length);
      }
      for (const { entries } of packages)
        for (const entry of entries) expect(entry).toBeLessThan(table.count);
      for (const { unused, size } of filesystems)
        expect(unused?.clip(0, size).total ?? 0).toBe(unused?.total ?? 0);
      return inspection.isComplete ? 'read' : 'partly';
    } finally {
      await inspection.close();
    }
  } catch (error) {
    if (!(error instanceof ImgoptError)) throw new Error(`${name}: not an error of ours`, { cause: error });
    expect(error.family, name).toMatch(/^(corrupt|unsupported|unreadable)$/);
    return 'refused';
  } finally {
    expect(performance.now() - started, name).toBeLessThan(SECONDS_PER_ROUND * 1000);
  }
}

describe('a mutated system', () => {
  let disk: Uint8Array;
  /** Where structures are, on the disk. */
  let structures: { start: number; end: number }[];
  const trigger = join(folder, 'trigger');

  beforeAll(async () => {
    writeFileSync(trigger, 'FUZZ');
    const path = fixturePath('debian-mini/debian-mini.qcow2');
    const inspection = await inspect(path, new RunContext({ log: new DiagnosticLog() }), { drivers });
    disk = new Uint8Array(inspection.disk.source.size);
    await inspection.disk.source.read(disk, 0);
    structures = [{ start: 0, end: 34 * 512 }];
    for (const one of inspection.filesystems) {
      const metadata: ExtentSet = one.metadata!;
      for (const range of metadata) {
        for (const piece of one.toDisk(range)) {
          // Journals and empty tables are large and say little: the beginnings of ranges are where the meaning is.
          structures.push({ start: piece.start, end: Math.min(piece.end, piece.start + 65536) });
        }
      }
    }
    await inspection.close();
  });

  it.each(SEEDS)('in its structures is read, partly read or refused (seed %i)', async (seed) => {
    const random = randomNumbers(seed);
    const outcomes = new Set<string>();
    for (let round = 0; round < 25; round++) {
      const copy = disk.slice();
      for (let hits = 1 + random(4); hits > 0; hits--) {
        const { start, end } = structures[random(structures.length)]!;
        const at = start + random(Math.max(1, end - start - 512));
        const piece = mutated(copy.subarray(at, at + 512), random);
        copy.set(piece, at);
      }
      outcomes.add(
        await survive(`seed ${seed}, round ${round}`, trigger, [diskFormat(copy), ...drivers.formats]),
      );
    }
    expect(outcomes).toContain('partly');
  });

  it.each(SEEDS)('in its text files is read or partly read (seed %i)', async (seed) => {
    const random = randomNumbers(seed);
    const text = Buffer.from(disk.buffer);
    const places = [
      'Package: base-files\nStatus',
      '/.\n/bin\n',
      'PRETTY_NAME=',
      '# made by make.sh',
      'Auto-Installed: 1',
    ]
      .map((needle) => text.indexOf(needle))
      .filter((at) => at >= 0);
    expect(places.length).toBeGreaterThan(3);
    for (let round = 0; round < 15; round++) {
      const copy = disk.slice();
      const at = places[random(places.length)]!;
      copy.set(mutated(copy.subarray(at, at + 4096), random), at);
      await survive(`seed ${seed}, round ${round}`, trigger, [diskFormat(copy), ...drivers.formats]);
    }
  });
});
