/**
 * LVM2: physical volumes put together to groups, and their linear and striped logical volumes read.
 *
 * Every physical volume holds copies of its group's metadata; of all that are sound the one with the highest
 * sequence number counts, as in LVM. A logical volume is read when all of its segments lie in physical volumes that
 * are here. Everything else (mirrors, RAID, thin pools, caches, snapshots' exception stores) is named with its
 * segment type, and its extents count as not read. A volume that another one stands on or refers to (a snapshot's
 * origin) is read but pinned: what its filesystem does not use may be what the other one shows.
 *
 * Unallocated extents are unused: nothing of LVM refers to them.
 */
import type { Context } from '../../../core/contracts/context.ts';
import type {
  GroupVolume,
  MemberRange,
  Probe,
  ProbeInput,
  VolumeGroup,
  VolumeGroupSystem,
  VolumeMember,
} from '../../../core/contracts/disk.ts';
import { type ImgoptError, isArtifactError } from '../../../core/errors.ts';
import { ExtentSet } from '../../../core/extents.ts';
import { MAX_LVM_LAYERS } from '../../../core/limits.ts';
import { escapeName } from '../../../core/text.ts';
import { type SpannedSource, type SpanSegment, spannedSource } from '../../../sources/spanned.ts';
import { type Area, type Group, groupIdentity, type LogicalVolume, readGroup } from './group.ts';
import { findLabel, type PhysicalVolume, readPhysicalVolume } from './label.ts';
import {
  type Pool,
  type PoolState,
  poolOf,
  type Reason,
  readPools,
  reasonToRefuseThin,
  restOf,
  type ThinVolume,
  thinVolume,
} from './pools.ts';
import type { Section } from './text.ts';

export const lvm2Volumes: VolumeGroupSystem = { name: 'lvm2', probe, assemble };

function probe({ head }: ProbeInput): Probe | undefined {
  const label = findLabel(head);
  if (label === undefined) return undefined;
  return label === 'damaged'
    ? { certainty: 'resembles', description: 'an LVM2 physical volume with a damaged label' }
    : { certainty: 'certain', description: 'LVM2 physical volume' };
}

async function assemble(members: readonly VolumeMember[], context: Context): Promise<VolumeGroup[]> {
  const found: PhysicalVolume[] = [];
  const groups: VolumeGroup[] = [];
  for (const [index, member] of members.entries()) {
    try {
      const one = await readPhysicalVolume(member, index);
      if (one.isOrphan) groups.push(orphan(one, member.context));
      else if (found.some(({ id }) => id === one.id)) {
        member.context.report('error', 'LVM2_DUPLICATE', 'is a copy of another physical volume of this disk');
      } else found.push(one);
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      reportError(member.context, error);
    }
  }
  const placed = new Set<PhysicalVolume>();
  for (const { text, identity } of newestTexts(found, members)) {
    const at = context.at(identity.name);
    try {
      const group = readGroup(text);
      const present = group.members.map(({ id }) => found.find((one) => one.id === id) ?? null);
      for (const one of present) if (one !== null) placed.add(one);
      groups.push(await new Assembly(group, present, at).build());
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      for (const one of found) {
        if (!one.texts.includes(text)) continue;
        placed.add(one);
        reportError(members[one.member]!.context, error);
      }
    }
  }
  for (const one of found) {
    if (placed.has(one)) continue;
    members[one.member]!.context.report(
      'error',
      'LVM2_NO_METADATA',
      'no sound copy of its volume group is here: what its extents hold is not known',
    );
  }
  return groups;
}

function reportError(context: Context, error: ImgoptError): void {
  const place = error.where.reduce((at, one) => at.at(escapeName(one)), context);
  place.report('error', error.code.replace(/^IMGOPT_/, ''), error.message);
}

/** A physical volume of no group holds nothing that LVM could name: all behind its own structures is unused. */
function orphan({ member, source, tables }: PhysicalVolume, context: Context): VolumeGroup {
  context.report('info', 'LVM2_NO_GROUP', 'is a physical volume of no group');
  const own = ExtentSet.from(tables).alignOutward(ORPHAN_ALIGNMENT).clip(0, source.size);
  const ranges = (set: ExtentSet): MemberRange[] => [...set].map((range) => ({ member, ...range }));
  return {
    name: null,
    volumes: [],
    tables: ranges(own),
    unused: ranges(own.complement(0, source.size)),
    unread: [],
  };
}

/** Where data begins unless pvcreate is told otherwise: what lies before may be somebody's. */
const ORPHAN_ALIGNMENT = 1024 * 1024;

interface Newest {
  readonly text: Section;
  readonly identity: ReturnType<typeof groupIdentity>;
}

/** Of each group the copy with the highest sequence number, in the order of names; others are reported as old. */
function newestTexts(found: readonly PhysicalVolume[], members: readonly VolumeMember[]): Newest[] {
  const newest = new Map<string, Newest>();
  const all = found.flatMap((one) =>
    one.texts.flatMap((text) => {
      try {
        return [{ text, identity: groupIdentity(text), one }];
      } catch (error) {
        if (!isArtifactError(error)) throw error;
        reportError(members[one.member]!.context, error);
        return [];
      }
    }),
  );
  for (const { text, identity } of all) {
    const before = newest.get(identity.id);
    if (before === undefined || before.identity.sequence < identity.sequence)
      newest.set(identity.id, { text, identity });
  }
  for (const { one, identity } of all) {
    const { sequence } = newest.get(identity.id)!.identity;
    if (identity.sequence !== sequence) {
      members[one.member]!.context.report(
        'warning',
        'LVM2_OLD_METADATA',
        `a copy of the metadata is of sequence ${identity.sequence}, the newest is ${sequence}`,
      );
    }
  }
  return [...newest.values()].sort((a, b) => (a.identity.name < b.identity.name ? -1 : 1));
}

class Assembly {
  private readonly group: Group;
  /** By the group's own list; null where it is missing. */
  private readonly present: readonly (PhysicalVolume | null)[];
  private readonly context: Context;
  /** Volumes that others stand on or refer to, with the name of one of those. */
  private readonly usedBy = new Map<string, string>();
  private pools: ReadonlyMap<string, PoolState> = new Map();

  constructor(group: Group, present: readonly (PhysicalVolume | null)[], context: Context) {
    this.group = group;
    this.present = present;
    this.context = context;
    for (const volume of group.volumes.values())
      for (const segment of volume.segments)
        for (const name of segment.uses) this.usedBy.set(name, shownName(volume));
  }

  async build(): Promise<VolumeGroup> {
    const { group, context } = this;
    this.reportMissing();
    this.pools = await readPools(group, context, (volume) => {
      const reason = this.reasonToRefuse(volume);
      return reason ?? this.sourceOf(volume);
    });
    if (group.status.has('EXPORTED'))
      context.report('info', 'LVM2_EXPORTED', 'is exported: a guest does not see it before vgimport');
    const volumes: GroupVolume[] = [];
    const tables = this.memberTables();
    const unused = this.unallocated();
    const unread: MemberRange[] = [];
    const shown = new Set<string>();
    for (const volume of group.volumes.values()) {
      if (!this.isShown(volume)) continue;
      this.collect(volume.name, shown);
      // What a pool holds are its volumes'.
      if (this.readablePool(volume.name) !== undefined) continue;
      volumes.push(this.readable(volume) ?? this.refused(volume));
    }
    for (const name of this.pools.keys()) {
      const pool = this.readablePool(name);
      if (pool === undefined) continue;
      this.collect(name, shown);
      const { metadata, data } = pool;
      const rest = restOf(
        pool,
        [...group.volumes.values()].filter((one) => this.isShown(one) && poolOf(one, this.pools) === pool),
      );
      tables.push(...metadata.toMembers({ start: 0, end: metadata.size }));
      unused.push(...rest.unused.flatMap((range) => data.toMembers(range)));
      unread.push(...rest.unread.flatMap((range) => data.toMembers(range)));
    }
    for (const volume of group.volumes.values()) {
      if (shown.has(volume.name)) continue;
      const places = this.onMembers(volume.segments.flatMap(({ areas }) => areas));
      // The spare metadata of pools is no volume's: it waits for a repair.
      if (/_pmspare$/.test(volume.name)) tables.push(...places);
      else unread.push(...places);
    }
    return { name: group.name, volumes, tables, unused, unread };
  }

  /** A guest sees it, or it is a snapshot's store, which goes by the snapshot's name. */
  private isShown(volume: LogicalVolume): boolean {
    return volume.status.has('VISIBLE') || volume.segments.some(({ type }) => type === 'snapshot');
  }

  /** The volume and the hidden ones below it. */
  private collect(name: string, into: Set<string>, depth = 0): void {
    const volume = this.group.volumes.get(name);
    if (volume === undefined || into.has(name) || depth > MAX_LVM_LAYERS) return;
    into.add(name);
    for (const { uses } of volume.segments)
      for (const below of uses)
        if (!this.group.volumes.get(below)?.status.has('VISIBLE')) this.collect(below, into, depth + 1);
  }

  private readable(volume: LogicalVolume): GroupVolume | undefined {
    const { context } = this;
    const name = shownName(volume);
    const reason = this.reasonToRefuse(volume);
    if (reason !== undefined) {
      const [code, text] = reason;
      context.at(name).report('error', code, text);
      return undefined;
    }
    const user = this.usedBy.get(volume.name);
    let pinned = user === undefined ? null : `its blocks are also the logical volume ${escapeName(user)}'s`;
    const thin = this.thinOf(volume);
    const source = thin?.source ?? this.sourceOf(volume);
    if (thin?.isShared) pinned ??= 'its blocks are also those of other volumes of its thin pool';
    return {
      ...this.described(volume),
      source,
      pinned,
      toMembers: (range) => source.toMembers(range),
    };
  }

  private readablePool(name: string): Pool | undefined {
    const pool = this.pools.get(name);
    return pool !== undefined && 'data' in pool ? pool : undefined;
  }

  /** A volume of a pool that can be read. */
  private thinOf(volume: LogicalVolume): ThinVolume | undefined {
    const pool = poolOf(volume, this.pools);
    return pool === undefined || !('data' in pool)
      ? undefined
      : thinVolume(`${this.group.name}/${volume.name}`, volume, pool);
  }

  /** Of a volume whose segments all lie in physical volumes that are here. */
  private sourceOf(volume: LogicalVolume): SpannedSource {
    const segments = volume.segments.map(
      ({ start, end, areas, stripeBytes }): SpanSegment => ({
        start,
        end,
        stripes: areas.map((area) => ({ member: this.present[area.member]!.member, start: area.start })),
        stripeBytes,
      }),
    );
    const sources = new Array<PhysicalVolume['source'] | null>(
      Math.max(0, ...this.present.map((one) => (one === null ? 0 : one.member + 1))),
    ).fill(null);
    for (const one of this.present) if (one !== null) sources[one.member] = one.source;
    return spannedSource(`${this.group.name}/${shownName(volume)}`, segments, sources);
  }

  private refused(volume: LogicalVolume): GroupVolume {
    return { ...this.described(volume), source: null, pinned: null, toMembers: () => [] };
  }

  private described(volume: LogicalVolume) {
    const { group } = this;
    const name = shownName(volume);
    const below = new Set<string>();
    this.collect(volume.name, below);
    const areas = [...below].flatMap((one) =>
      group.volumes.get(one)!.segments.flatMap((segment) => segment.areas),
    );
    const thin = this.thinOf(volume)?.source;
    return {
      type: typeOf(volume),
      name,
      uuid: volume.uuid,
      devices: devicesOf(group, volume, name),
      size: volume.size,
      places: thin === undefined ? this.onMembers(areas) : thin.toMembers({ start: 0, end: thin.size }),
    };
  }

  /** Code and words, or undefined when it can be read. */
  private reasonToRefuse(volume: LogicalVolume): Reason | undefined {
    const { group, present } = this;
    const pool = this.pools.get(volume.name);
    if (pool !== undefined && !('data' in pool)) return pool;
    if (poolOf(volume, this.pools) !== undefined) return reasonToRefuseThin(volume, this.pools);
    for (const { type, uses, areas } of volume.segments) {
      const base = uses.map((name) => group.volumes.get(name)!).find(({ status }) => status.has('PVMOVE'));
      if (base !== undefined || volume.status.has('PVMOVE'))
        return ['LVM2_PVMOVE', 'is being moved by pvmove, which did not finish: it is not read'];
      if (type !== 'striped')
        return ['LVM2_SEGMENT_NOT_READ', `is of type ${escapeName(type)}, which is not read`];
      if (uses.length > 0)
        return ['LVM2_STACKED', `stands on the logical volume ${escapeName(uses[0]!)}: it is not read`];
      for (const { member, end } of areas) {
        const { uuid, device, isMarkedMissing } = group.members[member]!;
        const at = present[member];
        if (at === null || at === undefined || isMarkedMissing)
          return [
            'LVM2_PV_MISSING',
            `lies on the physical volume ${escapeName(uuid)}, which ${at == null ? 'is not on this disk' : 'LVM has marked as missing'}` +
              (device === '' ? '' : ` (it was ${escapeName(device)})`),
          ];
        if (end > at.source.size)
          return [
            'LVM2_PV_TRUNCATED',
            'lies partly behind the end of its physical volume: the image is cut short',
          ];
      }
    }
    return undefined;
  }

  private reportMissing(): void {
    const missing = this.group.members.filter((_, index) => this.present[index] === null);
    if (missing.length === 0) return;
    const names = missing.map(({ uuid, device }) => escapeName(device === '' ? uuid : `${uuid} (${device})`));
    this.context.report(
      'warning',
      'LVM2_PARTIAL',
      `${missing.length} of its ${this.group.members.length} physical volumes are not on this disk: ${names.join(', ')}`,
    );
  }

  private onMembers(areas: readonly Area[]): MemberRange[] {
    return areas.flatMap(({ member, start, end }) => {
      const one = this.present[member];
      if (one === null || one === undefined) return [];
      return start < one.source.size
        ? [{ member: one.member, start, end: Math.min(end, one.source.size) }]
        : [];
    });
  }

  private memberTables(): MemberRange[] {
    return this.present.flatMap((one) =>
      one === null ? [] : one.tables.map((range) => ({ member: one.member, ...range })),
    );
  }

  /** Extents that no segment takes; nothing unless all segments are understood so far. */
  private unallocated(): MemberRange[] {
    const { group } = this;
    if (!group.isAccounted) {
      this.context.report(
        'warning',
        'LVM2_NOT_ACCOUNTED',
        'has segments of unknown make: nothing counts as unused',
      );
      return [];
    }
    const areas = [...group.volumes.values()].flatMap(({ segments }) => segments.flatMap((one) => one.areas));
    return group.members.flatMap(({ extentsStart, extentCount }, index) => {
      const one = this.present[index];
      if (one === null || one === undefined) return [];
      const taken = ExtentSet.from(areas.filter(({ member }) => member === index));
      const end = Math.min(one.source.size, extentsStart + extentCount * group.extentBytes);
      return [...taken.union(ExtentSet.from(one.tables)).complement(extentsStart, end)].map((range) => ({
        member: one.member,
        ...range,
      }));
    });
  }
}

/** A snapshot's own volume is hidden; users know it by the name of its store. */
function shownName(volume: LogicalVolume): string {
  const segment = volume.segments.find(({ type }) => type === 'snapshot');
  return (
    [...(segment?.section.strings() ?? [])].find(
      ([key]) => key === 'cow_store' || key === 'merging_store',
    )?.[1] ?? volume.name
  );
}

/** In the words of lvs. */
function typeOf({ segments }: LogicalVolume): string {
  const types = segments.map(({ type, areas }) =>
    type === 'striped' && areas.length < 2 ? 'linear' : type.replace(/\+.*$/, ''),
  );
  return types.find((type) => type !== 'linear') ?? 'linear';
}

/** udev's and LVM's own names; a dash within a name is doubled in device-mapper's. */
function devicesOf(group: Group, volume: LogicalVolume, name: string): string[] {
  const mapped = [group.name, name].map((part) => part.replaceAll('-', '--')).join('-');
  const id = (group.id + volume.uuid).replaceAll('-', '');
  return [
    `/dev/${group.name}/${name}`,
    `/dev/mapper/${mapped}`,
    `/dev/disk/by-id/dm-name-${mapped}`,
    `/dev/disk/by-id/dm-uuid-LVM-${id}`,
  ];
}
