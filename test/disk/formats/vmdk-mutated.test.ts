/** Mutated images end in the content of some disk or in an error that a user can act on: nothing else, and soon. */
import { expect, it } from 'vitest';
import { ImgoptError } from '../../../src/core/errors.ts';
import { vmdkFormat } from '../../../src/disk/formats/vmdk/vmdk.ts';
import { randomFrom } from '../../support/image-context.ts';
import { descriptorFile, sparse, stream } from './vmdk-made.ts';
import { mapOf, openVmdkBytes } from './vmdk-support.ts';

const ROUNDS = Number(process.env.IMGOPT_FUZZ_ROUNDS ?? 1000);
const WORDS = [0, 1, 2, 7, 8, 24, 512, 0x7fffffff, 0x80000000, 0xffffffff];

function mutate(bytes: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(bytes);
  const below = (limit: number): number => Math.floor(random() * limit);
  for (let count = 1 + below(4); count > 0; count--) {
    // Half of the changes hit the header, where most of the meaning is.
    const at = random() < 0.5 ? below(Math.min(96, copy.length)) : below(copy.length);
    const kind = random();
    if (kind < 0.4) copy[at] = below(256);
    else if (kind < 0.8 && at + 4 <= copy.length) copy.writeUInt32LE(WORDS[below(WORDS.length)]!, at);
    else if (kind < 0.9) copy.fill(below(256), at, Math.min(copy.length, at + below(600)));
    else return copy.subarray(0, Math.max(1, at));
  }
  return copy;
}

it.each([
  ['sparse', sparse(), 'disk.vmdk'],
  ['sparse with zeroed grains', sparse({ flags: 7, words: { [14 * 512]: 1 } }), 'disk.vmdk'],
  ['stream', stream(), 'disk.vmdk'],
  [
    'descriptor',
    descriptorFile({ createType: 'custom', extents: 'RW 64 FLAT "flat" 0\nRW 256 SPARSE "x"\nRW 8 ZERO' }),
    'disk.vmdk',
  ],
  ['extent', sparse({ descriptorOffset: 0n }), 'x'],
])('%s', async (_, bytes, name) => {
  const random = randomFrom(20260801);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const folder = {
      'disk.vmdk': descriptorFile({ createType: 'custom', extents: 'RW 256 SPARSE "x"' }),
      flat: Buffer.alloc(32768),
      x: sparse(),
      [name]: mutate(bytes, random),
    };
    let outcome = 'read';
    try {
      const head = folder['disk.vmdk'].subarray(0, 65536);
      vmdkFormat.probe({ head, tail: head, size: head.length });
      const { disk } = await openVmdkBytes(folder);
      const range = { start: 0, end: Math.min(disk.source.size, 1 << 24) };
      await mapOf(disk.source, range);
      const target = Buffer.alloc(70_001);
      for (let at = 0; at + target.length <= range.end; at += target.length)
        await disk.source.read(target, at);
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw error;
      outcome = error.family;
      expect(['corrupt', 'unsupported', 'unreadable']).toContain(outcome);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  // The mutations must reach past the first check, and must be noticed.
  expect(outcomes.get('read') ?? 0).toBeGreaterThan(ROUNDS / 50);
  expect(outcomes.get('corrupt') ?? 0).toBeGreaterThan(ROUNDS / 50);
});
