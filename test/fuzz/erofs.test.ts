/**
 * Mutations inside EROFS images, most of them in structures: inodes, maps and directories, which the scan of the sound
 * image finds. Passing is a scan or an error of ours, soon. Seeds are fixed: a failure names its own.
 */
import { describe, expect, it } from 'vitest';
import { erofsDriver } from '../../src/disk/filesystems/erofs/erofs.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { openFilesystem } from '../support/read-only.ts';
import { survive } from '../support/survive.ts';

const ROUNDS = 40;
/** IMGOPT_FUZZ_SEED=100 tries another hundred. */
const FIRST = process.env.IMGOPT_FUZZ_SEED;
const SEEDS = FIRST === undefined ? [1, 2] : Array.from({ length: 100 }, (_, i) => Number(FIRST) + i);
const NAMES = ['fragments', 'tails', 'full-index', 'deflate', 'zstd', 'chunks', 'lzma'];

describe.each(NAMES)('a mutated erofs (%s)', (name) => {
  it.each(SEEDS)('is read, partly read or refused (seed %i)', async (seed) => {
    const whole = fixtureBytes(`erofs/${name}.img`);
    // The checksum would refuse whatever touches the first block.
    whole.writeUInt32LE(whole.readUInt32LE(1024 + 8) & ~1, 1024 + 8);
    const { filesystem } = await openFilesystem(erofsDriver, memorySource(whole));
    const structure = [...(await filesystem.metadataExtents()).clip(1152, whole.length)];
    const random = randomNumbers(seed);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const copy = Buffer.from(whole);
      for (let hits = 1 + random(4); hits > 0; hits--) {
        const kind = random(4);
        const { start, end } =
          kind === 0
            ? { start: 1024, end: 1152 }
            : kind === 1
              ? { start: 1152, end: whole.length }
              : structure[random(structure.length)]!;
        const at = start + random(end - start);
        const length = Math.min(end - at, 2 << random(6));
        mutated(copy.subarray(at, at + length), random).forEach((byte, i) => {
          copy[at + i] = byte;
        });
      }
      outcomes.add(await survive(erofsDriver, `${name}, seed ${seed}, round ${round}`, copy));
    }
    expect(outcomes).toContain('partly');
  });
});
