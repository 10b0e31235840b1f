/** What LVM, device-mapper and sha256sum said of the fixtures, and mappings worked out from dmsetup's tables. */
import { fixtureExpected } from '../../../support/fixtures.ts';

export interface ExpectedDisk {
  readonly pvs: readonly {
    pv_name: string;
    pv_uuid: string;
    vg_name: string;
    pe_start: string;
    pv_pe_count: string;
  }[];
  readonly segments: readonly {
    vg_name: string;
    lv_name: string;
    lv_uuid: string;
    lv_size: string;
    segtype: string;
  }[];
  readonly pvSegments: readonly {
    pv_name: string;
    pvseg_start: string;
    pvseg_size: string;
    lv_name: string;
    segtype: string;
  }[];
  /** dmsetup table. */
  readonly table: readonly string[];
  readonly devices: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
}

export const EXPECTED =
  fixtureExpected<Record<'sys' | 'spread' | 'whole' | 'partial' | 'thin' | 'rhel', ExpectedDisk>>('lvm2');

/** Where one sector of a mapped device lies: [minor number of the device, sector]. */
export type SectorPlace = readonly [device: number, sector: number];

/** Every sector of a device, after dmsetup's table lines of targets `linear` and `striped`. */
export function sectorsOf(table: readonly string[], name: string): SectorPlace[] {
  const places: SectorPlace[] = [];
  const lines = table
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => line.slice(name.length + 2).split(' '))
    .sort((a, b) => Number(a[0]) - Number(b[0]));
  const minor = (device: string): number => Number(device.split(':')[1]);
  for (const [start, length, target, ...args] of lines as [string, string, string, ...string[]][]) {
    for (let i = 0; i < Number(length); i++) {
      const at = Number(start) + i;
      if (target === 'linear') places[at] = [minor(args[0]!), Number(args[1]) + i];
      else {
        const [stripes, chunk] = [Number(args[0]), Number(args[1])];
        const turn = Math.floor(i / chunk);
        const stripe = turn % stripes;
        const within = Math.floor(turn / stripes) * chunk + (i % chunk);
        places[at] = [minor(args[2 + 2 * stripe]!), Number(args[3 + 2 * stripe]) + within];
      }
    }
  }
  return places;
}
