/**
 * LVM's own offline tools, e2fsck and debugfs over the fixtures, before and after what is unused has gone. Logical
 * volumes are cut out of disks by dmsetup's tables (test/disk/volumes/lvm2/expected.ts), never by our own mapping.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { readPhysicalVolume } from '../../src/disk/volumes/lvm2/label.ts';
import { lvm2Volumes } from '../../src/disk/volumes/lvm2/lvm2.ts';
import { parseText } from '../../src/disk/volumes/lvm2/text.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { planDrops } from '../../src/optimize/plan.ts';
import { createRegistry } from '../../src/registry.ts';
import { readProbe } from '../../src/sources/read.ts';
import { EXPECTED, sectorsOf } from '../disk/volumes/lvm2/expected.ts';
import { fixtureBytes, fixturePath } from '../support/fixtures.ts';
import { assemble, partitionsOf } from '../support/groups.ts';
import { noise, run, sha256 } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';
import { contentOf } from '../support/volumes.ts';

const folder = temporaryFolder();
const SYS_PV_START = 10240 * 512;

/** A logical volume of the `sys` disk as a file, cut out by dmsetup's table. */
function cutOut(disk: Buffer, mapped: string): string {
  const sectors = sectorsOf(EXPECTED.sys.table, mapped).map(([, sector]) =>
    disk.subarray(SYS_PV_START + sector * 512, SYS_PV_START + (sector + 1) * 512),
  );
  const path = join(folder, mapped);
  writeFileSync(path, Buffer.concat(sectors));
  return path;
}

/** e2fsck finds nothing, and debugfs finds every file as the kernel's guest saw it. */
async function expectIntact(disk: Buffer): Promise<void> {
  for (const [mapped, name] of [
    ['vg--sys-root--a', 'root-a'],
    ['vg--sys-home', 'home'],
  ] as const) {
    const path = cutOut(disk, mapped);
    await runTool('e2fsck', ['-fn', path]);
    for (const [file, sum] of Object.entries(EXPECTED.sys.files)) {
      if (!file.startsWith(`${name}:`)) continue;
      const content = runToolSync('debugfs', ['-R', `cat ${file.slice(name.length + 1)}`, path]);
      expect(sha256(content), file).toBe(sum);
    }
  }
}

describeWithTools(['e2fsck', 'debugfs'], 'dropping what is unused', () => {
  test('poison in it hurts no file', async () => {
    const disk = fixtureBytes('lvm2/sys.img');
    await expectIntact(disk);
    const inspection = await inspect(
      fixturePath('lvm2/sys.img'),
      new RunContext({ log: new DiagnosticLog() }),
      { drivers: createRegistry() },
    );
    const plan = planDrops(inspection, { keepUnused: [], dropSwap: true, dropSnapshots: false });
    await inspection.close();
    expect(plan.filesystems.map(({ kept }) => kept)).toEqual([null, null, null, null]);
    // 46 of 82 extents of 512 KiB are free, says pvs.
    expect(plan.unallocated.total).toBe(46 * 524288);
    for (const { start, end } of plan.dropped) disk.set(noise(end - start, start + 1), start);
    await expectIntact(disk);
  });

  test('the output holds every file and none of what was deleted', async () => {
    const path = join(folder, 'out.raw');
    const before = fixtureBytes('lvm2/sys.img');
    await run(fixturePath('lvm2/sys.img'), path, { to: 'raw' });
    const after = readFileSync(path);
    await expectIntact(after);
    // Written to a logical volume that was removed, and to a file that was.
    for (const gone of ['5100000\n', '5400000\n', '6050000\n']) {
      expect(before.includes(gone), gone).toBe(true);
      expect(after.includes(gone), gone).toBe(false);
    }
  });

  test('the origin of a snapshot and volumes that are not read are kept whole', async () => {
    const path = join(folder, 'spread.raw');
    await run(fixturePath('lvm2/spread.img'), path, { to: 'raw' });
    const [before, after] = [fixtureBytes('lvm2/spread.img'), readFileSync(path)];
    const extent = 262144;
    const start = { '/dev/vda1': 2048, '/dev/vda2': 67584, '/dev/vda3': 133120 } as Record<string, number>;
    let kept = 0;
    for (const { pv_name, pvseg_start, pvseg_size, segtype } of EXPECTED.spread.pvSegments) {
      if (segtype === 'free') continue;
      const at = start[pv_name]! * 512 + 1048576 + Number(pvseg_start) * extent;
      const length = Number(pvseg_size) * extent;
      expect(
        after.subarray(at, at + length).equals(before.subarray(at, at + length)),
        pv_name + pvseg_start,
      ).toBe(true);
      kept += length;
    }
    expect(kept).toBe((65 + 29 + 79) * extent);
  });
});

describeWithTools(['thin_dump', 'thin_check', 'e2fsck', 'debugfs'], 'a thin pool', () => {
  const PV_START = 2048 * 512;
  const PV_BYTES = 32 * 1024 * 1024;
  const CHUNK = 65536;

  /** A mapped device of the `thin` disk, by dmsetup's table. */
  function mapped(disk: Buffer, name: string): Buffer {
    const { table } = EXPECTED.thin;
    const [first] = sectorsOf(table, 'thin--vg-first')[0]!; // it lies on the first physical volume
    const pieces = sectorsOf(table, name).map(([device, sector]) => {
      const at = PV_START + (device - first) * PV_BYTES + sector * 512;
      return disk.subarray(at, at + 512);
    });
    return Buffer.concat(pieces);
  }

  /** By device number: [block of the device, block of data], as thin_dump says. */
  async function dumped(disk: Buffer): Promise<Map<number, [number, number][]>> {
    const path = join(folder, 'tmeta');
    writeFileSync(path, mapped(disk, 'thin--vg-pool_tmeta'));
    await runTool('thin_check', ['-q', path]);
    const devices = new Map<number, [number, number][]>();
    let pairs: [number, number][] = [];
    for (const line of (await runTool('thin_dump', [path])).split('\n')) {
      const number = (key: string): number => Number(new RegExp(` ${key}="(\\d+)"`).exec(line)![1]);
      if (line.includes('<device ')) {
        pairs = [];
        devices.set(number('dev_id'), pairs);
      }
      if (line.includes('<single_mapping ')) pairs.push([number('origin_block'), number('data_block')]);
      if (line.includes('<range_mapping ')) {
        for (let i = 0; i < number('length'); i++)
          pairs.push([number('origin_begin') + i, number('data_begin') + i]);
      }
    }
    return devices;
  }

  /** The thin volumes by name, with the device numbers of dmsetup's table. */
  const numbers = EXPECTED.thin.table
    .map((line) => /^thin--vg-(\w+): 0 (\d+) thin \S+ (\d+)$/.exec(line))
    .filter((match) => match !== null)
    .map((match) => [match[1]!, Number(match[2]) * 512, Number(match[3])] as const);

  /** A thin volume put together from what thin_dump and dmsetup say. */
  async function cutOutThin(disk: Buffer): Promise<Map<string, Buffer>> {
    const data = mapped(disk, 'thin--vg-pool_tdata');
    const devices = await dumped(disk);
    return new Map(
      numbers.map(([name, size, device]) => {
        const content = Buffer.alloc(size);
        for (const [block, place] of devices.get(device) ?? [])
          data.copy(content, block * CHUNK, place * CHUNK, (place + 1) * CHUNK);
        return [name, content];
      }),
    );
  }

  async function expectIntactThin(disk: Buffer): Promise<void> {
    const volumes = await cutOutThin(disk);
    for (const name of ['root', 'before']) {
      const path = join(folder, name);
      writeFileSync(path, volumes.get(name)!);
      if (name === 'root') await runTool('e2fsck', ['-fn', path]);
      for (const [file, sum] of Object.entries(EXPECTED.thin.files)) {
        if (!file.startsWith(`${name}:`)) continue;
        const content = runToolSync('debugfs', ['-R', `cat ${file.slice(name.length + 1)}`, path]);
        expect(sha256(content), file).toBe(sum);
      }
    }
    for (const name of ['before', 'data', 'never'])
      expect(sha256(volumes.get(name)!), name).toBe(EXPECTED.thin.devices[`/dev/thin-vg/${name}`]);
  }

  test('maps and frees what thin_dump says', async () => {
    const disk = fixtureBytes('lvm2/thin.img');
    const devices = await dumped(disk);
    const { volume, groups } = await assemble(lvm2Volumes, await partitionsOf(disk));
    // Two stripes of one chunk each: where a block of data lies, by dmsetup's table.
    const places = sectorsOf(EXPECTED.thin.table, 'thin--vg-pool_tdata');
    const [first] = sectorsOf(EXPECTED.thin.table, 'thin--vg-first')[0]!;
    const placeOf = (block: number): string => {
      const [device, sector] = places[(block * CHUNK) / 512]!;
      return `${device - first} ${sector * 512}`;
    };
    const used = new Set<number>();
    for (const [name, size, device] of numbers) {
      const pairs = devices.get(device) ?? [];
      for (const [, place] of pairs) used.add(place);
      const theirs = new Map(pairs.map(([block, place]) => [block, placeOf(place)]));
      for (let block = 0; block * CHUNK < size; block++) {
        const range = { start: block * CHUNK, end: Math.min(size, (block + 1) * CHUNK) };
        const ours = volume(name).toMembers(range);
        expect(
          ours.map(({ member, start }) => `${member} ${start}`),
          `${name} ${block}`,
        ).toEqual(theirs.has(block) ? [theirs.get(block)] : []);
      }
    }
    const free = new Set<string>();
    for (let block = 0; block < places.length / 128; block++) if (!used.has(block)) free.add(placeOf(block));
    const data = mapped(disk, 'thin--vg-pool_tdata');
    expect(free.size).toBeGreaterThan(200);
    const found = new Set<string>();
    for (const { member, start, end } of groups[0]!.unused)
      for (let at = start; at < end; at += CHUNK)
        if (free.has(`${member} ${at}`)) found.add(`${member} ${at}`);
    expect(found.size).toBe(free.size);
    const sum = groups[0]!.unused.reduce((all, { start, end }) => all + end - start, 0);
    const extents = EXPECTED.thin.pvSegments.filter(({ segtype }) => segtype === 'free');
    const unallocated = extents.reduce((all, { pvseg_size }) => all + Number(pvseg_size) * 262144, 0);
    expect(sum).toBe(unallocated + free.size * CHUNK);
    expect(data.length).toBe(40 * 1024 * 1024);
  });

  test('poison in what is unused hurts no file, and the output keeps none of what was removed', async () => {
    const disk = fixtureBytes('lvm2/thin.img');
    await expectIntactThin(disk);
    expect(disk.includes('5010000\n')).toBe(true); // of a volume that was removed
    const context = new RunContext({ log: new DiagnosticLog() });
    const inspection = await inspect(fixturePath('lvm2/thin.img'), context, { drivers: createRegistry() });
    const plan = planDrops(inspection, { keepUnused: [], dropSwap: true, dropSnapshots: false });
    await inspection.close();
    for (const { start, end } of plan.dropped) disk.set(noise(end - start, start + 1), start);
    await expectIntactThin(disk);
    const path = join(folder, 'thin.raw');
    await run(fixturePath('lvm2/thin.img'), path, { to: 'raw' });
    const after = readFileSync(path);
    await expectIntactThin(after);
    expect(after.includes('5010000\n')).toBe(false);
  });
});

describeWithTools(['pvck'], 'pvck --dump', () => {
  test.each(['sys', 'spread', 'whole', 'partial'] as const)('finds the same metadata in %s', async (name) => {
    let compared = 0;
    for (const [index, source] of (await partitionsOf(fixtureBytes(`lvm2/${name}.img`))).entries()) {
      if (lvm2Volumes.probe(await readProbe(source)) === undefined) continue;
      const path = join(folder, `${name}-${index}.pv`);
      writeFileSync(path, await contentOf(source));
      const areas = name === 'whole' ? [1, 2] : [1];
      const context = new RunContext({ log: new DiagnosticLog() });
      const { texts, id } = await readPhysicalVolume({ source, context }, 0);
      const dumped: string[] = [];
      for (const area of areas)
        dumped.push(await runTool('pvck', ['--dump', 'metadata', '--settings', `mda_num=${area}`, path]));
      expect(texts).toEqual(
        dumped.map((text) => parseText(text.slice(text.indexOf('---\n') + 4).replace(/---\s*$/, ''))),
      );
      const headers = await runTool('pvck', ['--dump', 'headers', path]);
      expect(headers).toContain(`pv_header.pv_uuid ${id}`);
      compared++;
    }
    expect(compared).toBe({ sys: 1, spread: 3, whole: 1, partial: 2 }[name]);
  });

  test('the ring of the whole disk has wrapped', async () => {
    const path = join(folder, 'whole.pv');
    copyFileSync(fixturePath('lvm2/whole.img'), path);
    const headers = await runTool('pvck', ['--dump', 'headers', path]);
    const number = (name: string): number =>
      Number(
        headers
          .split('\n')
          .find((line) => line.trim().startsWith(`${name} `))!
          .trim()
          .split(' ')[1],
      );
    const offset = number('mda_header_1.raw_locn[0].offset');
    const size = number('mda_header_1.raw_locn[0].size');
    expect(offset + size, headers).toBeGreaterThan(number('mda_header_1.size'));
  });
});
