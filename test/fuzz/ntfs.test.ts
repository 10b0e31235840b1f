/**
 * Mutations inside NTFS volumes, most of them in file records in use, whose check values stand only at the end of each
 * 512 bytes and protect little. Passing is a scan or an error of ours, soon. Seeds are fixed: a failure names its own.
 */
import { describe, expect, it } from 'vitest';
import { ntfsDriver } from '../../src/disk/filesystems/ntfs/ntfs.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { NTFS_IMAGES, ntfsImage, openNtfs } from '../support/ntfs.ts';
import { survive } from '../support/survive.ts';

const ROUNDS = 40;
/** IMGOPT_FUZZ_SEED=100 tries another hundred. */
const FIRST = process.env.IMGOPT_FUZZ_SEED;
const SEEDS = FIRST === undefined ? [1, 2] : Array.from({ length: 100 }, (_, i) => Number(FIRST) + i);

/** Places of sound records in use: the system's own, and some of the others. */
function records(bytes: Buffer, size: number): { system: number[]; others: number[] } {
  const system: number[] = [];
  const others: number[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) {
    if (bytes.toString('latin1', at, at + 4) !== 'FILE' || (bytes.readUInt16LE(at + 0x16) & 1) === 0)
      continue;
    (bytes.readUInt32LE(at + 0x2c) < 16 ? system : others).push(at);
  }
  return { system, others };
}

describe.each(['windows', 'pieces', 'small', 'sectors'])('a mutated ntfs (%s)', (name) => {
  it.each(SEEDS)('is read, partly read or refused (seed %i)', async (seed) => {
    const whole = ntfsImage(name);
    const { filesystem } = await openNtfs(whole);
    const structure = [...(await filesystem.metadataExtents())];
    const { recordSize } = NTFS_IMAGES[name]!;
    const { system, others } = records(whole, recordSize);
    const random = randomNumbers(seed);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const copy = Buffer.from(whole);
      for (let hits = 1 + random(6); hits > 0; hits--) {
        const kind = random(8);
        const { start, end } = structure[random(structure.length)]!;
        let at = start + random(end - start);
        if (kind === 0) at = random(90);
        else if (kind < 4) at = system[random(system.length)]! + random(600);
        else if (kind < 7) at = others[random(others.length)]! + random(500);
        const length = Math.min(copy.length - at, 1 << random(6));
        mutated(copy.subarray(at, at + length), random).forEach((byte, i) => {
          copy[at + i] = byte;
        });
      }
      outcomes.add(await survive(ntfsDriver, `${name}, seed ${seed}, round ${round}`, copy));
    }
    expect(outcomes).toContain('partly');
  });
});
