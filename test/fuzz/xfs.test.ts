/**
 * Mutations inside XFS images of both versions, in the places where structures are: headers, btrees, inodes, maps,
 * directories, the log. Half of them get their checksums made good again, so that what lies behind is met. Passing
 * is a scan or an error of ours, soon. Seeds are fixed: a failure names its own.
 */
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { crc32c } from '../../src/core/crc32c.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import type { ByteRange } from '../../src/core/extents.ts';
import { FILE_TYPE, FileTableBuilder } from '../../src/core/file-table.ts';
import { xfsDriver } from '../../src/disk/filesystems/xfs/xfs.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { openXfs } from '../support/xfs.ts';

const SECONDS_PER_ROUND = 10;
const ROUNDS = 25;
/** IMGOPT_FUZZ_SEED=100 tries another hundred. */
const FIRST = process.env.IMGOPT_FUZZ_SEED;
const SEEDS = FIRST === undefined ? [1, 2] : Array.from({ length: 100 }, (_, i) => Number(FIRST) + i);
/** Files whose content and links whose target are read in a round. */
const READS = 40;

/** Where the structure that holds a byte keeps its checksum, by its magic number: version 5 only. */
const SEALS: Readonly<Record<string, [size: number, crcAt: number]>> = {
  XFSB: [512, 224],
  XAGF: [512, 216],
  XAGI: [512, 312],
  XAFL: [512, 32],
  AB3B: [4096, 52],
  AB3C: [4096, 52],
  IAB3: [4096, 52],
  FIB3: [4096, 52],
  RMB3: [4096, 52],
  R3FC: [4096, 52],
  BMA3: [4096, 64],
  XDB3: [4096, 4],
  XDD3: [4096, 4],
  XSLM: [4096, 12],
};

/** Makes the checksum of the structure at `at` good again, if there is one. */
function reseal(bytes: Buffer, at: number): void {
  for (const start of [at - (at % 4096), at - (at % 512)]) {
    const magic = bytes.toString('latin1', start, start + 4);
    const [size, crcAt] = magic.startsWith('IN') ? [512, 100] : (SEALS[magic] ?? [0, 0]);
    if (size === 0) continue;
    bytes.fill(0, start + crcAt, start + crcAt + 4);
    bytes.writeUInt32LE(crc32c(bytes.subarray(start, start + size)), start + crcAt);
    return;
  }
}

async function survive(name: string, bytes: Uint8Array): Promise<'read' | 'partly' | 'refused'> {
  const started = performance.now();
  const log = new DiagnosticLog();
  const ours = async (work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw new Error(`${name}: not an error of ours`, { cause: error });
      expect(error.family, name).toMatch(/^(corrupt|unsupported|unreadable)$/);
      return false;
    }
  };
  try {
    let outcome: 'read' | 'partly' | 'refused' = 'refused';
    await ours(async () => {
      const filesystem = await xfsDriver.open!(memorySource(bytes), new RunContext({ log }));
      const builder = new FileTableBuilder();
      builder.beginSection();
      await filesystem.scan(builder);
      const table = builder.build();
      const isWhole = await ours(async () => {
        const unused = await filesystem.unusedExtents();
        expect(unused.clip(0, filesystem.size).total).toBe(unused.total);
      });
      const metadata = await filesystem.metadataExtents();
      expect(metadata.total, name).toBeLessThanOrEqual(bytes.length);
      let reads = 0;
      for (let entry = 0; entry < table.count && reads < READS; entry++) {
        const inode = table.inode[entry]!;
        if (table.type[entry] === FILE_TYPE.symlink) await ours(() => filesystem.readLink(inode));
        else if (table.type[entry] === FILE_TYPE.file && table.size[entry]! > 10) {
          await ours(async () => {
            const source = await filesystem.open(inode);
            await source.read(new Uint8Array(Math.min(source.size, 65_536)), 0);
            for await (const batch of source.extents()) expect(batch.length).toBeGreaterThan(0);
          });
        } else continue;
        reads++;
      }
      outcome = isWhole && log.list().length === 0 ? 'read' : 'partly';
    });
    return outcome;
  } finally {
    expect(performance.now() - started, name).toBeLessThan(SECONDS_PER_ROUND * 1000);
  }
}

describe.each(['v5', 'v4', 'sparse'])('a mutated XFS (%s)', (name) => {
  it.each(SEEDS)('is read, partly read or refused (seed %i)', async (seed) => {
    const whole = fixtureBytes(`xfs/${name}.img`);
    const { filesystem } = await openXfs(memorySource(whole));
    const structures: ByteRange[] = [];
    for (const { start, end } of await filesystem.metadataExtents()) {
      // The log is large and says little: the beginnings of ranges are where the meaning is.
      structures.push({ start, end: Math.min(end, start + 65_536) });
    }
    const random = randomNumbers(seed);
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round++) {
      const copy = Buffer.from(whole);
      for (let hits = 1 + random(4); hits > 0; hits--) {
        const { start, end } = structures[random(structures.length)]!;
        const at = start + random(Math.max(1, end - start - 512));
        const length = 4 << random(8);
        mutated(copy.subarray(at, at + length), random).forEach((byte, i) => {
          copy[at + i] = byte;
        });
        if (name !== 'v4' && random(2) === 0) reseal(copy, at);
      }
      outcomes.add(await survive(`${name}, seed ${seed}, round ${round}`, copy));
    }
    expect(outcomes).toContain('partly');
  });
});
