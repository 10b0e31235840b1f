/**
 * LVM metadata damaged under its checksums, which would otherwise stop every mutation: the text of a real group and
 * one made by hand, sealed again after the damage. What may come out: groups whose ranges lie inside their member
 * and whose volumes can be read to the end, or diagnostics; never another exception. The same for the metadata of a thin
 * pool, whose nodes are sealed again as well.
 */
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { crc32cUpdate } from '../../src/core/crc32c.ts';
import { ExtentSet } from '../../src/core/extents.ts';
import { viewOf } from '../../src/core/record.ts';
import { lvm2Volumes } from '../../src/disk/volumes/lvm2/lvm2.ts';
import { mutated, randomNumbers } from '../contract/packages.ts';
import { EXPECTED, sectorsOf } from '../disk/volumes/lvm2/expected.ts';
import { groupText, linear, made, volumeText } from '../disk/volumes/lvm2/made.ts';
import { fixtureBytes } from '../support/fixtures.ts';
import { partitionsOf } from '../support/groups.ts';
import { contentOf } from '../support/volumes.ts';
import { mutationsFor } from './mutate.ts';

const CASES = Math.max(100, Math.ceil(Number(process.env.IMGOPT_FUZZ_CASES ?? 300) / 3));
const SEED = Number(process.env.IMGOPT_FUZZ_SEED ?? 1);

/** The newest metadata of `spread`: every kind of volume that LVM makes. */
function realText(): string {
  const disk = fixtureBytes('lvm2/spread.img').subarray(1 << 20, 2 << 20);
  const end = disk.lastIndexOf('\n\0');
  const start = disk.lastIndexOf('spread {', end);
  return disk.subarray(start, end + 1).toString('latin1');
}

const TEXTS: readonly (readonly [string, string])[] = [
  ['a real group', realText()],
  [
    'a small one',
    groupText(
      [volumeText('a', [linear(0, 2, 0), linear(2, 3, 4)]), volumeText('b', [linear(0, 2, 8)])].join('\n'),
    ),
  ],
];

describe.each(TEXTS)('damaged metadata of %s', (_, text) => {
  it(`${CASES} cases`, async () => {
    const original = Buffer.from(text, 'latin1');
    const places = Array.from({ length: Math.ceil(original.length / 64) }, (_, i) =>
      Math.max(0, i * 64 - 256),
    );
    for (let number = SEED; number < SEED + CASES; number++) {
      const bytes = Buffer.from(original);
      let end = bytes.length;
      for (const mutation of mutationsFor(original, places, number)) {
        if (mutation.kind === 'truncate') end = mutation.size;
        else bytes.set(mutation.bytes, Math.min(mutation.at, bytes.length - mutation.bytes.length));
      }
      // Ids as the made volume has them, so that members are found as long as the damage leaves them.
      const damaged = bytes
        .subarray(0, end)
        .toString('latin1')
        .replace(/id = "[^"]*"\ndevice/, 'id = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"\ndevice');
      const source = made({ text: damaged });
      const context = new RunContext({ log: new DiagnosticLog(), where: ['disk'] });
      const groups = await lvm2Volumes.assemble([{ source, context }], context);
      for (const group of groups) {
        const ranges = [
          ...group.tables,
          ...group.unused,
          ...group.unread,
          ...group.volumes.flatMap(({ places: all }) => all),
        ];
        for (const { member, start, end: stop } of ranges) {
          expect(member).toBe(0);
          expect(
            start >= 0 && start <= stop && stop <= source.size,
            `case ${number}: ${start} to ${stop}`,
          ).toBe(true);
        }
        for (const volume of group.volumes) {
          if (volume.source === null) continue;
          // A thin volume may claim to be far larger than all that holds it; its end is as good as any.
          if (volume.type === 'thin')
            await volume.source.read(new Uint8Array(1), Math.max(0, volume.size - 1));
          else expect((await contentOf(volume.source)).length).toBe(volume.size);
          const total = volume
            .toMembers({ start: 0, end: volume.size })
            .reduce((sum, one) => sum + one.end - one.start, 0);
          if (volume.type === 'thin') expect(total).toBeLessThanOrEqual(volume.size);
          else expect(total).toBe(volume.size);
        }
      }
      for (const { message } of context.log.list()) expect(message).not.toContain('\n');
    }
  });
});

describe('damaged metadata of a thin pool', () => {
  it(`${CASES} cases`, async () => {
    const disk = fixtureBytes('lvm2/thin.img');
    // By dmsetup's table: where the pool's metadata lies on the first physical volume.
    const [, sector] = sectorsOf(EXPECTED.thin.table, 'thin--vg-pool_tmeta')[0]!;
    const start = (2048 + sector) * 512;
    const block = 4096;
    const written = Array.from({ length: 512 }, (_, i) => i).filter((i) =>
      disk.subarray(start + i * block, start + (i + 1) * block).some((byte) => byte !== 0),
    );
    const outcomes = { read: 0, refused: 0 };
    const copy = Buffer.from(disk);
    const sources = await partitionsOf(copy);
    for (let number = SEED; number < SEED + CASES; number++) {
      const random = randomNumbers(number);
      disk.copy(copy, start, start, start + 512 * block);
      for (let hits = 1 + random(3); hits > 0; hits--) {
        // The superblock every other time: the tree itself is a handful of blocks.
        const index = random(2) === 0 ? 0 : written[random(written.length)]!;
        const bytes = copy.subarray(start + index * block, start + (index + 1) * block);
        const at = random(index === 0 ? 400 : 200);
        mutated(bytes.subarray(at, at + (2 << random(4))), random).forEach((byte, i) => {
          bytes[at + i] = byte;
        });
        const xor = index === 0 ? 160774 : 121107;
        bytes.writeUInt32LE((crc32cUpdate(0xffffffff, viewOf(bytes), 4, block) ^ xor) >>> 0, 0);
      }
      const context = new RunContext({ log: new DiagnosticLog(), where: ['disk'] });
      const groups = await lvm2Volumes.assemble(
        sources.map((source) => ({ source, context })),
        context,
      );
      for (const group of groups) {
        const places = group.volumes.flatMap((volume) => volume.places);
        for (const range of [...group.tables, ...group.unused, ...group.unread, ...places])
          expect(range.start >= 0 && range.end <= sources[range.member]!.size, `case ${number}`).toBe(true);
        // What is called unused is no volume's.
        for (const [member] of sources.entries()) {
          const on = (ranges: readonly { member: number; start: number; end: number }[]) =>
            ExtentSet.from(ranges.filter((one) => one.member === member));
          expect(on(group.unused).intersect(on(places)).isEmpty, `case ${number}`).toBe(true);
        }
        for (const { source, size } of group.volumes) {
          outcomes[source === null ? 'refused' : 'read']++;
          if (source !== null) await source.read(new Uint8Array(Math.min(size, 1 << 20)), 0);
        }
      }
    }
    expect(outcomes.read).toBeGreaterThan(CASES);
    expect(outcomes.refused).toBeGreaterThan(CASES / 10);
  });
});
