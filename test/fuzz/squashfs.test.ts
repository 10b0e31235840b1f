/**
 * Mutations inside squashfs images, most of them in the tables, which one fixture stores as they are. Passing is a
 * scan or an error of ours, soon. Seeds are fixed: a failure names its own.
 */
import { describe, expect, it } from 'vitest';
import { ImgoptError } from '../../src/core/errors.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { squashfsDriver } from '../../src/disk/filesystems/squashfs/squashfs.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { openFilesystem } from '../support/read-only.ts';

const SECONDS_PER_ROUND = 10;
const ROUNDS = 40;
/** IMGOPT_FUZZ_SEED=100 tries another hundred. */
const FIRST = process.env.IMGOPT_FUZZ_SEED;
const SEEDS = FIRST === undefined ? [1, 2] : Array.from({ length: 100 }, (_, i) => Number(FIRST) + i);
const READS = 20;

async function survive(name: string, bytes: Uint8Array): Promise<'read' | 'partly' | 'refused'> {
  const started = performance.now();
  let failures = 0;
  const ours = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw new Error(`${name}: not an error of ours`, { cause: error });
      expect(error.family, name).toMatch(/^(corrupt|unsupported|unreadable)$/);
      failures++;
      return false;
    }
  };
  let diagnostics = 0;
  const isRead = await ours(async () => {
    const { filesystem, table, log } = await openFilesystem(squashfsDriver, memorySource(bytes));
    diagnostics = log.list().length;
    expect((await filesystem.metadataExtents()).total, name).toBeLessThanOrEqual(bytes.length);
    let reads = 0;
    for (let entry = 0; entry < table.count && reads < READS; entry++) {
      const inode = table.inode[entry]!;
      if (table.type[entry] === FILE_TYPE.symlink) await ours(() => filesystem.readLink(inode));
      else if (table.type[entry] === FILE_TYPE.file && table.size[entry]! > 4) {
        await ours(async () => {
          const source = await filesystem.open(inode);
          await source.read(new Uint8Array(Math.min(source.size, 65_536)), 0);
          for await (const batch of source.extents()) expect(batch.length).toBeGreaterThan(0);
        });
      } else continue;
      reads++;
    }
  });
  expect(performance.now() - started, name).toBeLessThan(SECONDS_PER_ROUND * 1000);
  if (!isRead) return 'refused';
  return failures + diagnostics === 0 ? 'read' : 'partly';
}

describe.each(['plain', 'gzip', 'lz4'])('a mutated squashfs (%s)', (name) => {
  it.each(SEEDS)('is read, partly read or refused (seed %i)', async (seed) => {
    const whole = fixtureBytes(`squashfs/${name}.img`);
    const tables = Number(whole.readBigUInt64LE(64));
    const random = randomNumbers(seed);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const copy = Buffer.from(whole);
      for (let hits = 1 + random(4); hits > 0; hits--) {
        const [start, end] = [
          [0, 96],
          [tables, whole.length],
          [tables, whole.length],
          [96, tables],
        ][random(4)] as [number, number];
        const at = start + random(end - start);
        const length = Math.min(end - at, 2 << random(6));
        mutated(copy.subarray(at, at + length), random).forEach((byte, i) => {
          copy[at + i] = byte;
        });
      }
      outcomes.add(await survive(`${name}, seed ${seed}, round ${round}`, copy));
    }
    expect(outcomes).toContain('partly');
  });
});
