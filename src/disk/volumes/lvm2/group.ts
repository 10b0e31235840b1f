/**
 * A volume group as its metadata describes it: physical volumes cut into extents, and logical volumes whose
 * segments take runs of them (areas) or stand on other logical volumes. Only what is checked leaves this module:
 * areas lie inside their physical volume, no two share an extent, segments follow each other without gaps.
 *
 * That unallocated extents are unused is proved only when every area is known. A segment type that names a physical
 * volume in a way that we do not know leaves nothing proved.
 */
import { corrupt, locateSync } from '../../../core/errors.ts';
import type { ByteRange } from '../../../core/extents.ts';
import { MAX_LVM_STRIPES } from '../../../core/limits.ts';
import { escapeName } from '../../../core/text.ts';
import { SECTOR } from './layout.ts';
import type { Scalar, Section } from './text.ts';

/** A physical volume as the group knows it; bytes. */
export interface GroupMember {
  /** As the metadata calls it: pv0. */
  readonly key: string;
  /** Without dashes. */
  readonly id: string;
  /** As lvs prints it. */
  readonly uuid: string;
  /** The device that it was when the metadata was written; a hint for messages. */
  readonly device: string;
  readonly extentsStart: number;
  readonly extentCount: number;
  /** LVM itself missed it once, and would not use what it holds before it is restored. */
  readonly isMarkedMissing: boolean;
}

/** A run of extents; bytes of the physical volume. */
export interface Area extends ByteRange {
  /** Position in `members`. */
  readonly member: number;
}

export interface Segment extends ByteRange {
  /** As the metadata writes it, `striped` for linear ones too. */
  readonly type: string;
  /** In physical volumes. */
  readonly areas: readonly Area[];
  /** Bytes that a stripe takes in its turn. */
  readonly stripeBytes: number;
  /** Logical volumes that it stands on or refers to. */
  readonly uses: readonly string[];
  readonly section: Section;
}

export interface LogicalVolume {
  readonly name: string;
  readonly uuid: string;
  readonly size: number;
  readonly status: ReadonlySet<Scalar>;
  readonly segments: readonly Segment[];
}

export interface Group {
  readonly name: string;
  readonly id: string;
  readonly sequence: number;
  readonly status: ReadonlySet<Scalar>;
  readonly extentBytes: number;
  readonly members: readonly GroupMember[];
  readonly volumes: ReadonlyMap<string, LogicalVolume>;
  /** Every area of every segment is known. */
  readonly isAccounted: boolean;
}

/** LVM's names (lvm(8), VALID NAMES); what is written to fstab and shown must be one. */
const VALID_NAME = /^[A-Za-z0-9+_.][A-Za-z0-9+_.-]*$/;
/** In these lists a name is followed by the extent where it begins. */
const AREA_KEYS = new Set(['stripes', 'mirrors']);
/** Texts in a segment that name nothing in the group. */
const WORDS = new Set(['type', 'tags', 'policy', 'cache_mode', 'discards']);

/** The one section of a text that describes a group. */
function groupSection(text: Section): Section {
  const found = text.sections().find((one) => one.section('physical_volumes') !== undefined);
  if (found === undefined) throw text.wrong('describes no volume group');
  return found;
}

/** Name, id and sequence alone, to choose among copies. @throws `corrupt` */
export function groupIdentity(text: Section): Pick<Group, 'name' | 'id' | 'sequence'> {
  const section = groupSection(text);
  return { name: nameOf(section), id: section.string('id'), sequence: section.number('seqno') };
}

/** @throws ImgoptError `corrupt` when the metadata contradicts itself */
export function readGroup(text: Section): Group {
  const section = groupSection(text);
  const extentBytes = section.number('extent_size') * SECTOR;
  if (extentBytes === 0) throw section.wrong('has extents of no size');
  const members = section
    .section('physical_volumes')!
    .sections()
    .map((one) => memberOf(one, extentBytes));
  const sections = section.section('logical_volumes')?.sections() ?? [];
  const names = new Set(sections.map(nameOf));
  const reader = new SegmentReader(members, names, extentBytes);
  const volumes = new Map<string, LogicalVolume>();
  for (const one of sections)
    volumes.set(
      one.name,
      locateSync(one.name, () => volumeOf(one, reader)),
    );
  refuseOverlaps(
    [...volumes.values()].flatMap(({ segments }) => segments.flatMap(({ areas }) => areas)),
    members,
  );
  return {
    ...groupIdentity(text),
    status: new Set(section.list('status')),
    extentBytes,
    members,
    volumes,
    isAccounted: reader.isAccounted,
  };
}

function nameOf(section: Section): string {
  if (!VALID_NAME.test(section.name)) throw section.wrong('has a name that LVM would not take');
  return section.name;
}

function memberOf(section: Section, extentBytes: number): GroupMember {
  const uuid = section.string('id');
  const extentsStart = section.number('pe_start') * SECTOR;
  const extentCount = section.number('pe_count');
  if (!Number.isSafeInteger(extentsStart + extentCount * extentBytes))
    throw section.wrong('is larger than any disk');
  return {
    key: section.name,
    id: uuid.replaceAll('-', ''),
    uuid,
    device: [...section.strings()].find(([key]) => key === 'device')?.[1] ?? '',
    extentsStart,
    extentCount,
    isMarkedMissing: section.list('flags').includes('MISSING'),
  };
}

function volumeOf(section: Section, reader: SegmentReader): LogicalVolume {
  const count = section.number('segment_count');
  const sections = section.sections();
  // The count is checked against what is there before anything is made of it.
  if (count !== sections.length) throw section.wrong(`has ${sections.length} segments, not ${count}`);
  const segments: Segment[] = [];
  let end = 0;
  for (let i = 1; i <= count; i++) {
    const found = section.section(`segment${i}`);
    if (found === undefined) throw section.wrong(`has no segment${i}`);
    const segment = reader.read(found);
    if (segment.start !== end) throw found.wrong('does not begin where the segment before it ends');
    end = segment.end;
    segments.push(segment);
  }
  return {
    name: section.name,
    uuid: section.string('id'),
    size: end,
    status: new Set(section.list('status')),
    segments,
  };
}

class SegmentReader {
  isAccounted = true;
  private readonly members: readonly GroupMember[];
  private readonly memberByKey: ReadonlyMap<string, number>;
  private readonly names: ReadonlySet<string>;
  private readonly extentBytes: number;
  private stripes = 0;

  constructor(members: readonly GroupMember[], names: ReadonlySet<string>, extentBytes: number) {
    this.members = members;
    this.memberByKey = new Map(members.map(({ key }, index) => [key, index]));
    this.names = names;
    this.extentBytes = extentBytes;
  }

  read(section: Section): Segment {
    const { extentBytes } = this;
    const type = section.string('type');
    const first = section.number('start_extent');
    const count = section.number('extent_count');
    if (count === 0) throw section.wrong('has no extents');
    if (!Number.isSafeInteger((first + count) * extentBytes)) throw section.wrong('is larger than any disk');
    const isStriped = type === 'striped';
    const stripes = section.list('stripes').length / 2;
    if (isStriped && (stripes < 1 || stripes !== section.number('stripe_count')))
      throw section.wrong('has another number of stripes than it says');
    if (isStriped && count % stripes !== 0)
      throw section.wrong('does not share its extents out over its stripes');
    const areas: Area[] = [];
    const uses: string[] = [];
    for (const key of AREA_KEYS) {
      const length = key === 'stripes' && stripes > 0 ? Math.floor(count / stripes) : count;
      this.readAreas(section, key, length, areas, uses);
    }
    for (const [key, value] of section.strings()) {
      if (WORDS.has(key) || AREA_KEYS.has(key)) continue;
      if (this.names.has(value)) uses.push(value);
      else if (this.memberByKey.has(value)) this.isAccounted = false;
    }
    const stripeBytes = isStriped && stripes > 1 ? section.number('stripe_size') * SECTOR : 0;
    if (
      isStriped &&
      stripes > 1 &&
      (stripeBytes === 0 || ((count / stripes) * extentBytes) % stripeBytes !== 0)
    )
      throw section.wrong('has stripes that do not fill it');
    return {
      type,
      start: first * extentBytes,
      end: (first + count) * extentBytes,
      areas,
      stripeBytes,
      uses,
      section,
    };
  }

  /** `[name, extent, name, extent, …]`; a name is a physical volume's or a logical volume's. */
  private readAreas(section: Section, key: string, extents: number, areas: Area[], uses: string[]): void {
    const list = section.list(key);
    this.stripes += list.length / 2;
    if (this.stripes > MAX_LVM_STRIPES)
      throw section.wrong(`has stripe number ${MAX_LVM_STRIPES + 1} of its group`);
    for (let i = 0; i < list.length; i += 2) {
      const [name, extent] = [list[i], list[i + 1]];
      if (
        typeof name !== 'string' ||
        typeof extent !== 'number' ||
        !Number.isSafeInteger(extent) ||
        extent < 0
      )
        throw section.wrong(`has ${key} that are no pairs of name and extent`);
      const member = this.memberByKey.get(name);
      if (member === undefined) {
        if (!this.names.has(name)) throw section.wrong(`stands on '${escapeName(name)}', which is not there`);
        uses.push(name);
        continue;
      }
      const { extentsStart, extentCount } = this.members[member]!;
      if (extent + extents > extentCount)
        throw section.wrong(
          `takes extents ${extent} to ${extent + extents - 1} of ${name}, which has ${extentCount}`,
        );
      const start = extentsStart + extent * this.extentBytes;
      areas.push({ member, start, end: start + extents * this.extentBytes });
    }
  }
}

function refuseOverlaps(areas: readonly Area[], members: readonly GroupMember[]): void {
  const sorted = [...areas].sort((a, b) => a.member - b.member || a.start - b.start);
  for (let i = 1; i < sorted.length; i++) {
    const [before, area] = [sorted[i - 1]!, sorted[i]!];
    if (area.member === before.member && area.start < before.end)
      throw corrupt(
        'LVM2_OVERLAP',
        `two segments take the same extents of ${escapeName(members[area.member]!.key)}`,
      );
  }
}
