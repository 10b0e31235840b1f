import { describe, expect, test } from 'vitest';
import type { ProbeInput } from '../../../../src/core/contracts/disk.ts';
import { PROBE_HEAD_BYTES, PROBE_TAIL_BYTES } from '../../../../src/core/limits.ts';
import { btrfsDriver } from '../../../../src/disk/filesystems/btrfs/btrfs.ts';
import { erofsDriver } from '../../../../src/disk/filesystems/erofs/erofs.ts';
import { fatDriver } from '../../../../src/disk/filesystems/fat/fat.ts';
import { isoDriver } from '../../../../src/disk/filesystems/iso9660/iso9660.ts';
import { ntfsDriver } from '../../../../src/disk/filesystems/ntfs/ntfs.ts';
import { recognisedDrivers } from '../../../../src/disk/filesystems/recognised/recognised.ts';
import { squashfsDriver } from '../../../../src/disk/filesystems/squashfs/squashfs.ts';
import { xfsDriver } from '../../../../src/disk/filesystems/xfs/xfs.ts';
import { fixtureBytes, fixtureExpected } from '../../../support/fixtures.ts';

interface ExpectedVolume {
  name: string;
  size: number;
  TYPE: string;
  LABEL: string | null;
  UUID: string | null;
}

const volumes = fixtureExpected<ExpectedVolume[]>('recognised');
/** What lies past the bytes that a probe sees, so that only blkid can tell. */
const OUT_OF_REACH: Record<string, Partial<ExpectedVolume>> = {
  exfat: { LABEL: null },
  udf: { LABEL: null, UUID: null },
};
const drivers = [
  ...recognisedDrivers,
  btrfsDriver,
  fatDriver,
  isoDriver,
  squashfsDriver,
  erofsDriver,
  ntfsDriver,
  xfsDriver,
];

function input({ name, size }: ExpectedVolume): ProbeInput {
  const bytes = fixtureBytes(`recognised/${name}.probe`);
  const head = bytes.subarray(0, Math.min(size, PROBE_HEAD_BYTES));
  return { head, tail: bytes.subarray(head.length, head.length + Math.min(size, PROBE_TAIL_BYTES)), size };
}

describe('volumes of every kind', () => {
  test.each(volumes)('$name: what blkid says, and one driver alone says it', (volume) => {
    const found = drivers.flatMap((driver) => driver.probe(input(volume)) ?? []);
    const expected = { ...volume, ...OUT_OF_REACH[volume.name] };
    expect(found.map(({ type, label, uuid, certainty }) => ({ type, label, uuid, certainty }))).toEqual([
      { type: expected.TYPE, label: expected.LABEL, uuid: expected.UUID, certainty: 'certain' },
    ]);
  });

  test('swap and containers are no failure to read files', () => {
    const usage = new Map(
      volumes.map((volume) => [volume.TYPE, drivers.flatMap((d) => d.probe(input(volume)) ?? [])[0]?.usage]),
    );
    expect(
      [...usage]
        .filter(([, kind]) => kind === 'container')
        .map(([type]) => type)
        .sort(),
    ).toEqual(
      [
        'BitLocker',
        'DM_verity_hash',
        'LVM2_member',
        'bcache',
        'crypto_LUKS',
        'linux_raid_member',
        'zfs_member',
      ].sort(),
    );
    expect(usage.get('swap')).toBe('swap');
    expect(usage.get('swsuspend')).toBe('swap');
  });

  test('no driver opens what it only recognises', () => {
    expect(recognisedDrivers.filter((driver) => driver.open !== undefined)).toEqual([]);
  });
});

describe('rubbish', () => {
  test("short input is nobody's, and no reason to throw", () => {
    for (const volume of volumes) {
      const { head } = input(volume);
      for (const length of [
        0, 1, 2, 3, 7, 16, 100, 511, 513, 1025, 1080, 1100, 2048, 4090, 4200, 33000, 65600,
      ]) {
        const cut = head.subarray(0, Math.min(length, head.length));
        for (const driver of drivers)
          expect(() => driver.probe({ head: cut, tail: cut, size: cut.length })).not.toThrow();
      }
    }
  });

  test('a byte that is wrong anywhere is no reason to throw', () => {
    // A fixed sequence (Numerical Recipes' generator), so that a failure can be found again.
    let state = 12345;
    const next = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (const volume of volumes) {
      const { head, tail, size } = input(volume);
      for (let round = 0; round < 25; round++) {
        const changed = new Uint8Array(head);
        for (let i = 0; i < 8; i++) {
          // Where the structures are: the first two sectors, around 1, 4, 8, 16, 32 and 64 KiB.
          const base = [0, 1024, 4096, 8192, 16384, 32768, 65536][next(7)]!;
          const at = base + next(1200);
          if (at < changed.length) changed[at] = [0, 1, 0x7f, 0x80, 0xff, next(256)][next(6)]!;
        }
        for (const driver of drivers) expect(() => driver.probe({ head: changed, tail, size })).not.toThrow();
      }
    }
  });

  test("zeros, ones and text are nobody's", () => {
    for (const byte of [0, 0xff, 0x41]) {
      const head = new Uint8Array(PROBE_HEAD_BYTES).fill(byte);
      const tail = new Uint8Array(PROBE_TAIL_BYTES).fill(byte);
      for (const driver of drivers) expect(driver.probe({ head, tail, size: 1 << 24 })).toBeUndefined();
    }
  });

  test('probing changes nothing', () => {
    for (const volume of volumes) {
      const seen = input(volume);
      const before = Buffer.from(seen.head);
      for (const driver of drivers) driver.probe(seen);
      expect(before.equals(seen.head)).toBe(true);
    }
  });
});
