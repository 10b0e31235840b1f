/**
 * LVM metadata damaged under its checksums, which would otherwise stop every mutation: the text of a real group and
 * one made by hand, sealed again after the damage. What may come out: groups whose ranges lie inside their member
 * and whose volumes can be read to the end, or diagnostics; never another exception.
 */
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { lvm2Volumes } from '../../src/disk/volumes/lvm2/lvm2.ts';
import { groupText, linear, made, volumeText } from '../disk/volumes/lvm2/made.ts';
import { fixtureBytes } from '../support/fixtures.ts';
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
