/** Physical volumes whose every promise may be a lie: what each damage gives, by code and place. */
import { describe, expect, it } from 'vitest';
import { findLabel } from '../../../../src/disk/volumes/lvm2/label.ts';
import { lvm2Volumes } from '../../../../src/disk/volumes/lvm2/lvm2.ts';
import { parseText } from '../../../../src/disk/volumes/lvm2/text.ts';
import { assemble } from '../../../support/groups.ts';
import { AREA_AT, AREA_BYTES, groupText, linear, made, madeVolume, volumeText } from './made.ts';

const run = (...options: Parameters<typeof made>[0][]) => assemble(lvm2Volumes, options.map(made));
const ROOT = volumeText('root', [linear(0, 4, 0)]);

describe('what is sound', () => {
  it('is read', async () => {
    const { said, groups, volume } = await run({ text: groupText(ROOT) });
    expect(said).toEqual([]);
    expect(volume('root')).toMatchObject({
      type: 'linear',
      size: 4 * 65536,
      devices: ['/dev/vg/root', '/dev/mapper/vg-root', '/dev/disk/by-id/dm-name-vg-root', expect.any(String)],
    });
    expect(groups[0]!.unused).toEqual([{ member: 0, start: 5 * 65536, end: 15 * 65536 }]);
  });

  it('is read where the ring of text wraps', async () => {
    const { said, volume } = await run({ text: groupText(ROOT), textAt: AREA_BYTES - 100 });
    expect(said).toEqual([]);
    expect(volume('root').size).toBe(4 * 65536);
  });

  it('follows the copy with the highest sequence number', async () => {
    const two = (text: string) =>
      text.replace(
        'pv0 {',
        'pv1 {\nid = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"\npe_start = 128\npe_count = 14\n}\npv0 {',
      );
    const { said, volume } = await run(
      { text: two(groupText(volumeText('old', [linear(0, 1, 0)]))) },
      { id: 'B'.repeat(32), text: two(groupText(ROOT, { 'seqno = 7': 'seqno = 8' })) },
    );
    expect(said).toEqual(['warning LVM2_OLD_METADATA at 1 > lvm2']);
    expect(volume('root').size).toBe(4 * 65536);
  });

  it('is unused where no group has it', async () => {
    const { said, groups } = await run({});
    expect(said).toEqual(['info LVM2_NO_GROUP at 1 > lvm2']);
    expect(groups[0]!.unused).toEqual([]); // all of its 1 MiB may be LVM's own
    const large = await run({ size: 3 << 20 });
    expect(large.groups[0]!.unused).toEqual([{ member: 0, start: 1 << 20, end: 3 << 20 }]);
  });

  it('is not called unused when its header says that a group elsewhere has it', async () => {
    const { said, groups } = await run({ used: true });
    expect(said).toEqual(['error LVM2_NO_METADATA at 1 > lvm2']);
    expect(groups).toEqual([]);
  });
});

describe('labels', () => {
  it.each<[string, (bytes: Buffer) => void, ReturnType<typeof findLabel>]>([
    ['sound', () => {}, { sector: 1, at: 544 }],
    ['a wrong checksum', (bytes) => bytes.writeUInt32LE(1, 512 + 16), 'damaged'],
    ['a changed byte under the checksum', (bytes) => bytes.writeUInt8(1, 1000), 'damaged'],
    ['another sector', (bytes) => bytes.writeUInt8(3, 512 + 8), 'damaged'],
    ['another type', (bytes) => bytes.write('LVM1 001', 512 + 24, 'latin1'), undefined],
    ['no magic', (bytes) => bytes.fill(0, 512, 520), undefined],
  ])('%s', (_, spoil, expected) => {
    const bytes = madeVolume({ spoil });
    expect(findLabel(bytes)).toEqual(expected);
    const certainty = expected === undefined ? undefined : expected === 'damaged' ? 'resembles' : 'certain';
    expect(lvm2Volumes.probe({ head: bytes, tail: bytes, size: bytes.length })?.certainty).toBe(certainty);
  });

  it('short input is nothing', () => {
    for (const length of [0, 1, 511, 512, 1023])
      expect(findLabel(madeVolume().subarray(0, length))).toBeUndefined();
  });

  it('a copy of a physical volume is not read twice', async () => {
    const { said, groups } = await run({ text: groupText(ROOT) }, { text: groupText(ROOT) });
    expect(said).toEqual(['error LVM2_DUPLICATE at 2 > lvm2']);
    expect(groups).toHaveLength(1);
  });
});

describe('metadata areas', () => {
  const lost = ['warning LVM2_AREA_SKIPPED at 1 > lvm2', 'error LVM2_NO_METADATA at 1 > lvm2'];
  const text = groupText(ROOT);
  it.each<[string, Parameters<typeof made>[0]]>([
    ['a wrong checksum of the header', { text, spoil: (bytes) => bytes.writeUInt8(9, AREA_AT) }],
    ['a wrong checksum of the text', { text, spoil: (bytes) => bytes.write('X', AREA_AT + 600, 'latin1') }],
    ['a header of another place', { text, spoilArea: (header) => header.writeUInt32LE(8192, 24) }],
    ['another version', { text, spoilArea: (header) => header.writeUInt32LE(2, 20) }],
    ['a text behind the area', { text, spoilArea: (header) => header.writeUInt32LE(AREA_BYTES, 40) }],
    ['a text in the header', { text, spoilArea: (header) => header.writeUInt32LE(8, 40) }],
    ['a text longer than the ring', { text, spoilArea: (header) => header.writeUInt32LE(AREA_BYTES, 48) }],
    ['a text of 2^63 bytes', { text, spoilArea: (header) => header.writeUInt32LE(0x80000000, 52) }],
    ['a text of no bytes', { text, spoilArea: (header) => header.writeUInt32LE(0, 48) }],
  ])('%s', async (_, options) => {
    const { said, groups } = await run(options);
    expect(said).toEqual(lost);
    expect(groups).toEqual([]);
  });

  it('a copy that is set aside is not used', async () => {
    const { said } = await run({ text, flags: 1 });
    expect(said).toEqual(['info LVM2_AREA_SKIPPED at 1 > lvm2', 'error LVM2_NO_METADATA at 1 > lvm2']);
  });
});

describe('metadata that contradicts itself', () => {
  const volumes = (...texts: string[]): string => groupText(texts.join('\n'));
  it.each<[string, string]>([
    ['a segment behind the end of its physical volume', volumes(volumeText('a', [linear(0, 4, 11)]))],
    ['two segments on one extent', volumes(ROOT, volumeText('b', [linear(0, 1, 3)]))],
    ['a segment twice', volumes(volumeText('a', [linear(0, 2, 0), linear(2, 2, 1)]))],
    ['a gap between segments', volumes(volumeText('a', [linear(0, 2, 0), linear(3, 2, 4)]))],
    ['a segment of no extents', volumes(volumeText('a', [linear(0, 0, 0)]))],
    ['2^53 extents', volumes(volumeText('a', [linear(0, 9007199254740991, 0)]))],
    ['a negative extent', volumes(volumeText('a', [linear(0, 1, -1)]))],
    ['half an extent', volumes(volumeText('a', [linear(0, 1, 0).replace('"pv0", 0', '"pv0", 0.5')]))],
    ['a physical volume that is not listed', volumes(volumeText('a', [linear(0, 1, 0, 'pv7')]))],
    [
      'more stripes than it says',
      volumes(volumeText('a', [linear(0, 2, 0).replace('stripe_count = 1', 'stripe_count = 2')])),
    ],
    [
      'a million segments',
      volumes(volumeText('a', [linear(0, 2, 0)]).replace('segment_count = 1', 'segment_count = 1000000')),
    ],
    ['extents of no size', groupText(ROOT, { 'extent_size = 128': 'extent_size = 0' })],
    [
      'a physical volume larger than any disk',
      groupText(ROOT, { 'pe_count = 14': 'pe_count = 9007199254740991' }),
    ],
    ['no sequence number', groupText(ROOT, { seqno: 'seq' })],
    ['no group', 'contents = "Text Format Volume Group"'],
    ['a name with a slash', groupText(volumeText('a/../b', [linear(0, 1, 0)]))],
    ['stripes of no size', volumes(volumeText('a', [striped(0, 2, 0)]))],
    ['stripes that do not fill their extents', volumes(volumeText('a', [striped(0, 2, 100)]))],
  ])('%s', async (_, text) => {
    const { said, groups } = await run({ text });
    expect(said).toHaveLength(said.includes('error LVM2_NO_METADATA at 1 > lvm2') ? 2 : 1);
    expect(
      said.some((one) => /^error LVM2_(METADATA|OVERLAP) at 1 > lvm2/.test(one)),
      said.join(),
    ).toBe(true);
    expect(groups).toEqual([]);
  });

  function striped(start: number, count: number, size: number): string {
    return (
      `start_extent = ${start}\nextent_count = ${count}\ntype = "striped"\nstripe_count = 2\nstripe_size = ${size}\n` +
      'stripes = ["pv0", 0, "pv0", 4]'
    );
  }
});

describe('volumes that are refused by name', () => {
  const stacked = (name: string): string => linear(0, 2, 0, name);
  it.each<[string, string, string]>([
    [
      'a circle',
      [volumeText('a', [stacked('b')]), volumeText('b', [stacked('a')])].join('\n'),
      'LVM2_STACKED',
    ],
    ['itself', volumeText('a', [stacked('a')]), 'LVM2_STACKED'],
    [
      'pvmove',
      [
        volumeText('a', [stacked('pvmove0')]),
        volumeText(
          'pvmove0',
          [
            'start_extent = 0\nextent_count = 2\ntype = "mirror"\nmirror_count = 2\nmirrors = ["pv0", 0, "pv0", 4]',
          ],
          '"READ", "PVMOVE"',
        ),
      ].join('\n'),
      'LVM2_PVMOVE',
    ],
    [
      'a type from the future',
      volumeText('a', ['start_extent = 0\nextent_count = 2\ntype = "warp+DRIVE"']),
      'LVM2_SEGMENT_NOT_READ',
    ],
    ['a cut volume', volumeText('a', [linear(0, 4, 10)]), 'LVM2_PV_TRUNCATED'],
  ])('%s', async (name, text, code) => {
    const size = name === 'a cut volume' ? 832 * 1024 : 1024 * 1024;
    const { said, volume } = await run({ text: groupText(text), size });
    expect(said).toContain(`error ${code} at lvm2 > vg > a`);
    expect(volume('a').source).toBeNull();
  });

  it('proves nothing unused when a type of unknown make names a physical volume', async () => {
    const text = groupText(
      volumeText('a', ['start_extent = 0\nextent_count = 2\ntype = "warp"\ndrive = "pv0"']),
    );
    const { said, groups } = await run({ text });
    expect(said).toEqual([
      'warning LVM2_NOT_ACCOUNTED at lvm2 > vg',
      'error LVM2_SEGMENT_NOT_READ at lvm2 > vg > a',
    ]);
    expect(groups[0]!.unused).toEqual([]);
  });
});

describe('the text', () => {
  it('has numbers, texts with escapes, lists, sections and comments', () => {
    const section = parseText('# all of it\na = 1 b="x\\"y\\\\z" c = [ "p", 2, ] d { e=-5\n }\0 rubbish');
    expect(section.number('a')).toBe(1);
    expect(section.string('b')).toBe('x"y\\z');
    expect(section.list('c')).toEqual(['p', 2]);
    expect(() => section.section('d')!.number('e')).toThrow('sound number');
  });

  it.each([
    ['an open section', 'a {', 'ends inside'],
    ['an open text', 'a = "b', 'no value at byte 4'],
    ['an open list', 'a = [ 1, 2', "neither ',' nor ']'"],
    ['no value', 'a = }', 'no value'],
    ['a name alone', 'a', "neither '=' nor '{'"],
    ['a name twice', 'a = 1 a = 2', 'twice'],
    ['a brace too many', 'a = 1 }', 'no name at byte 6'],
    ['sections without end', 'a {'.repeat(100000), 'in over 32 levels'],
  ])('%s', (_, text, message) => {
    expect(() => parseText(text)).toThrow(message);
  });
});
