/**
 * Mutations inside squashfs images, most of them in the tables, which one fixture stores as they are. Passing is a
 * scan or an error of ours, soon. Seeds are fixed: a failure names its own.
 */
import { describe, expect, it } from 'vitest';
import { squashfsDriver } from '../../src/disk/filesystems/squashfs/squashfs.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { survive } from '../support/survive.ts';

const ROUNDS = 40;
/** IMGOPT_FUZZ_SEED=100 tries another hundred. */
const FIRST = process.env.IMGOPT_FUZZ_SEED;
const SEEDS = FIRST === undefined ? [1, 2] : Array.from({ length: 100 }, (_, i) => Number(FIRST) + i);

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
      outcomes.add(await survive(squashfsDriver, `${name}, seed ${seed}, round ${round}`, copy));
    }
    expect(outcomes).toContain('partly');
  });
});
