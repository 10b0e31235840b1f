/** Members of groups found anywhere on a disk, or on several, put together by a made-up system. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type {
  ContainedDisk,
  MemberRange,
  VolumeGroupSystem,
  VolumeTable,
} from '../../src/core/contracts/disk.ts';
import type { Drivers } from '../../src/core/contracts/registry.ts';
import { corrupt } from '../../src/core/errors.ts';
import { ExtentSet } from '../../src/core/extents.ts';
import { rawFormat } from '../../src/disk/formats/raw/raw.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { exploreDisk } from '../../src/inspect/volumes.ts';
import { planDrops } from '../../src/optimize/plan.ts';
import { memorySource } from '../../src/sources/memory.ts';
import { partitionOn } from '../../src/sources/partition.ts';
import { readBytes } from '../../src/sources/read.ts';
import { spannedSource } from '../../src/sources/spanned.ts';
import { temporaryFolder } from '../support/temp.ts';
import { fakeDriver, fakeFilesystem } from './fake-filesystem.ts';

const KiB = 1024;
const folder = temporaryFolder();
const textAt = async (source: Parameters<typeof readBytes>[0]): Promise<string> =>
  Buffer.from(await readBytes(source, 0, 64))
    .toString()
    .replace(/\0.*$/s, '');

/** `TABLE start,size;…` in KiB. */
const tables: VolumeTable = {
  name: 'gpt',
  probe: ({ head }) =>
    Buffer.from(head.subarray(0, 6)).toString() === 'TABLE '
      ? { certainty: 'certain', description: 'table' }
      : undefined,
  async open(source, context) {
    const volumes = (await textAt(source))
      .slice(6)
      .split(';')
      .flatMap((part, i) => {
        const [start, size] = part.split(',').map((one) => Number(one) * KiB) as [number, number];
        const entry = {
          index: i + 1,
          type: 'linux',
          name: null,
          uuid: null,
          start,
          size,
          isContainer: false,
          attributes: [],
        };
        return partitionOn(source, entry, context) ?? [];
      });
    return {
      scheme: 'gpt',
      uuid: null,
      sectorSize: 512,
      volumes,
      tables: [{ start: 0, end: KiB }],
      unused: [],
    };
  },
};

/**
 * `NAME GROUP NUMBER`: the first KiB is the member's own, the last 4 are unused, what is between is joined in the order
 * of numbers to the volume GROUP. The group `broken` is not read, `cursed` throws, and a member `lost` is in no group.
 */
function joiner(name: string): VolumeGroupSystem {
  return {
    name,
    probe: ({ head }) =>
      Buffer.from(head.subarray(0, name.length + 1)).toString() === `${name} `
        ? { certainty: 'certain', description: name }
        : undefined,
    async assemble(members, context) {
      const groups = new Map<string, { member: number; number: number }[]>();
      for (const [member, { source, context: at }] of members.entries()) {
        const [, group, number] = (await textAt(source)).split(' ') as [string, string, string];
        if (group === 'cursed') throw corrupt('CURSED', 'cannot be put together');
        if (group === 'lost') at.report('error', 'LOST', 'belongs nowhere');
        else groups.set(group, [...(groups.get(group) ?? []), { member, number: Number(number) }]);
      }
      return [...groups].map(([group, parts]) => {
        parts.sort((a, b) => a.number - b.number);
        const size = (member: number): number => members[member]!.source.size;
        let end = 0;
        const segments = parts.map(({ member }) => {
          const start = end;
          end += size(member) - 5 * KiB;
          return { start, end, stripes: [{ member, start: KiB }], stripeBytes: 0 };
        });
        const source = spannedSource(
          group,
          segments,
          members.map((one) => one.source),
        );
        const isRead = group !== 'broken';
        if (!isRead) context.at('vg').at(group).report('error', 'BROKEN', 'is not read');
        const ranges = (from: (member: number) => number, to: (member: number) => number): MemberRange[] =>
          parts.map(({ member }) => ({ member, start: from(member), end: to(member) }));
        return {
          name: 'vg',
          volumes: [
            {
              ...{ type: 'joined', name: group, uuid: null, size: end, devices: [`/dev/vg/${group}`] },
              source: isRead ? source : null,
              places: ranges(
                () => KiB,
                (member) => size(member) - 4 * KiB,
              ),
              pinned: group === 'pinned' ? 'it is pinned' : null,
              toMembers: (range) => source.toMembers(range),
            },
          ],
          tables: ranges(
            () => 0,
            () => KiB,
          ),
          unused: ranges((member) => size(member) - 4 * KiB, size),
          unread: [],
        };
      });
    },
  };
}

const FILESYSTEM = () => fakeFilesystem({ '/x': 'x' });
const drivers = (): Drivers => ({
  formats: [rawFormat],
  volumeSystems: [tables, joiner('ARRAY'), joiner('GROUP')],
  filesystems: [fakeDriver({ a: FILESYSTEM(), b: FILESYSTEM() })],
  packageDatabases: [],
});

function bytesWith(size: number, places: Readonly<Record<number, string>>): Buffer {
  const bytes = Buffer.alloc(size * KiB);
  for (const [at, text] of Object.entries(places)) bytes.write(text, Number(at) * KiB, 'latin1');
  return bytes;
}

let number = 0;
async function run(size: number, places: Readonly<Record<number, string>>) {
  const path = join(folder, `${number++}.raw`);
  writeFileSync(path, bytesWith(size, places));
  const found = await inspect(path, new RunContext({ log: new DiagnosticLog() }), { drivers: drivers() });
  await found.close();
  const said = found.diagnostics.map(
    ({ severity, code, where }) => `${severity} ${code.slice(7)} at ${where.replace(path, 'disk')}`,
  );
  return { found, said };
}

const region = (found: Awaited<ReturnType<typeof run>>['found'], kind: string) =>
  [
    ...ExtentSet.from(found.regions.filter((one) => one.kind === kind).flatMap(({ ranges }) => [...ranges])),
  ].map(({ start, end }) => [start / KiB, end / KiB]);

describe('groups over partitions', () => {
  it('are put together when all of the disk has been seen, in the order that they say', async () => {
    // The group's first part lies behind its second one.
    const { found, said } = await run(128, {
      0: 'TABLE 8,32;64,32',
      8: 'GROUP one 2',
      64: 'GROUP one 1',
      65: 'FAKE a',
    });
    expect(said).toEqual([]);
    expect(
      found.partitions.map(({ index, scheme, name, start, size, where }) => [
        index,
        scheme,
        name,
        start,
        size,
        where.slice(1).join(' > '),
      ]),
    ).toEqual([
      [1, 'gpt', null, 8 * KiB, 32 * KiB, 'gpt > 1'],
      [2, 'gpt', null, 64 * KiB, 32 * KiB, 'gpt > 2'],
      [3, 'GROUP', 'one', 65 * KiB, 54 * KiB, 'GROUP > vg > one'],
    ]);
    expect(found.filesystems[0]).toMatchObject({ type: 'fake', partition: 2, start: 65 * KiB });
    expect(found.filesystems[0]!.where.slice(1)).toEqual(['GROUP', 'vg', 'one', 'fake']);
    expect(found.filesystems[0]!.toDisk({ start: 20 * KiB, end: 30 * KiB })).toEqual([
      { start: 85 * KiB, end: 92 * KiB },
      { start: 9 * KiB, end: 12 * KiB },
    ]);
    expect(region(found, 'table')).toEqual([
      [0, 1],
      [8, 9],
      [64, 65],
    ]);
    expect(region(found, 'unused')).toEqual([
      [36, 40],
      [92, 96],
    ]);
    expect(region(found, 'gap')).toEqual([
      [1, 8],
      [40, 64],
      [96, 128],
    ]);
  });

  it('may lie on each other, whichever comes first on the disk', async () => {
    const { found, said } = await run(256, {
      0: 'TABLE 8,64;80,64;160,32',
      160: 'GROUP one 2',
      8: 'ARRAY md 1',
      80: 'ARRAY md 2',
      9: 'GROUP one 1', // on the array
      10: 'FAKE b',
    });
    expect(said).toEqual([]);
    expect(found.filesystems.map(({ where }) => where.slice(1).join(' > '))).toEqual([
      'GROUP > vg > one > fake',
    ]);
    // 118 KiB of array give 113; then the partition's 27.
    expect(found.filesystems[0]!.source.size).toBe((113 + 27) * KiB);
    expect(
      found.filesystems[0]!.toDisk({ start: 0, end: 140 * KiB }).map(({ start, end }) => [
        start / KiB,
        end / KiB,
      ]),
    ).toEqual([
      [10, 68],
      [81, 136],
      [161, 188],
    ]);
  });

  it('that are not read, and members of none, are unread bytes', async () => {
    const { found, said } = await run(128, {
      0: 'TABLE 8,32;64,32',
      8: 'GROUP broken 1',
      64: 'GROUP lost 1',
    });
    expect(said).toEqual([
      'error BROKEN at disk > GROUP > vg > broken',
      'error LOST at disk > gpt > 2 > GROUP',
    ]);
    expect(found.filesystems).toEqual([]);
    expect(found.partitions.at(-1)).toMatchObject({ scheme: 'GROUP', name: 'broken', start: 9 * KiB });
    expect(region(found, 'unread')).toEqual([
      [9, 36],
      [64, 96],
    ]);
    const plan = planDrops(found, { keepUnused: [], dropSwap: true, dropSnapshots: false });
    expect([...plan.dropped].map(({ start, end }) => [start / KiB, end / KiB])).toEqual([[36, 40]]);
  });

  it('of a system that gives up are unread, and said once', async () => {
    const { found, said } = await run(128, { 0: 'TABLE 8,32;64,32', 8: 'GROUP cursed 1', 64: 'FAKE a' });
    expect(said).toEqual(['error CURSED at disk > GROUP']);
    expect(region(found, 'unread')).toEqual([[8, 40]]);
    expect(found.filesystems).toHaveLength(1);
  });

  it('that are pinned keep what they do not use', async () => {
    const { found } = await run(128, { 0: 'TABLE 8,64', 8: 'GROUP pinned 1', 9: 'FAKE a' });
    expect(found.filesystems[0]!.pinned).toBe('it is pinned');
    const plan = planDrops(found, { keepUnused: [], dropSwap: true, dropSnapshots: false });
    expect(plan.filesystems[0]).toMatchObject({ kept: 'it is pinned' });
  });

  it('do not go on for ever', async () => {
    const places: Record<number, string> = {};
    for (let depth = 0; depth < 12; depth++) places[depth] = 'GROUP deep 1';
    const { found, said } = await run(128, places);
    expect(found.partitions.length).toBe(5);
    expect(said).toEqual([expect.stringMatching(/^error VOLUME_UNKNOWN/)]);
  });
});

describe('groups over several disks', () => {
  it('are put together across them', async () => {
    const [first, second] = [
      bytesWith(64, { 0: 'GROUP one 1', 1: 'FAKE a' }),
      bytesWith(32, { 0: 'GROUP one 2' }),
    ];
    const all = memorySource(Buffer.concat([first, second]));
    const contained = [
      { name: 'a.vmdk', start: 0, size: 64 * KiB, disk: {} },
      { name: 'b.vmdk', start: 64 * KiB, size: 32 * KiB, disk: {} },
    ] as unknown as ContainedDisk[];
    const found = await exploreDisk(
      all,
      drivers(),
      new RunContext({ log: new DiagnosticLog(), where: ['box.ova'] }),
      contained,
    );
    expect(found.partitions).toMatchObject([
      { disk: 0, scheme: 'GROUP', start: KiB, where: ['box.ova', 'GROUP', 'vg', 'one'] },
    ]);
    expect(found.stands).toHaveLength(1);
    expect(found.stands[0]!.toDisk({ start: 0, end: found.stands[0]!.source.size })).toEqual([
      { start: KiB, end: 60 * KiB },
      { start: 65 * KiB, end: 92 * KiB },
    ]);
  });
});
