/**
 * Optimized images, judged by tools that share no code with us: qemu-img opens and compares them, e2fsck and
 * fsck.fat find the filesystems sound, debugfs and mcopy read every file, blkid the swap header. The disk is
 * poisoned: whatever dumpe2fs calls free holds noise, which must be gone, and nothing else may be.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import type { ImageCompression } from '../../src/core/contracts/writer.ts';
import {
  carve,
  DISK_SIZE,
  debugfsFiles,
  ESP_SIZE,
  ESP_START,
  type GuestDisk,
  hashOf,
  MiB,
  makeGuestDisk,
  type Overrides,
  prose,
  ROOT_SIZE,
  ROOT_START,
  run,
  SWAP_SIZE,
  SWAP_START,
} from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, findTool, runTool } from '../support/tools.ts';

const TOOLS = [
  'qemu-img',
  'qemu-io',
  'mke2fs',
  'dumpe2fs',
  'debugfs',
  'e2fsck',
  'sfdisk',
  'mkfs.fat',
  'fsck.fat',
  'mcopy',
  'mkswap',
  'blkid',
  'zstd',
  'gzip',
];

const BLANK = Buffer.alloc(DISK_SIZE);

describeWithTools(TOOLS, 'optimize', () => {
  const folder = temporaryFolder();
  let guest: GuestDisk;
  beforeAll(async () => {
    guest = await makeGuestDisk(join(folder, 'guest'));
  });

  const isBlank = (bytes: Buffer): boolean => bytes.equals(BLANK.subarray(0, bytes.length));

  /** The raw disk that an image holds, by qemu-img. */
  async function unpack(image: string, format: string): Promise<string> {
    const raw = `${image}.unpacked`;
    await runTool('qemu-img', ['convert', '-f', format, '-O', 'raw', image, raw]);
    return raw;
  }

  /** Every file by debugfs. */
  async function expectSound(raw: string, disk: GuestDisk = guest): Promise<void> {
    const root = carve(raw, ROOT_START, ROOT_SIZE, `${raw}.root`);
    await runTool('e2fsck', ['-fn', root]); // throws unless it exits with 0
    expect(await debugfsFiles(root)).toEqual(disk.files);
    const esp = carve(raw, ESP_START, ESP_SIZE, `${raw}.esp`);
    await runTool('fsck.fat', ['-n', esp]);
    await runTool('mcopy', ['-n', '-i', esp, '::kept.efi', `${raw}.efi`]);
    expect(hashOf(`${raw}.efi`)).toBe(createHash('sha256').update(prose(300_000, 'kept.efi')).digest('hex'));
    const swap = carve(raw, SWAP_START, SWAP_SIZE, `${raw}.swap`);
    const before = carve(disk.path, SWAP_START, SWAP_SIZE, join(folder, 'swap-before'));
    const fields = ['-p', '-o', 'value', '-s', 'TYPE', '-s', 'LABEL', '-s', 'UUID'];
    expect(await runTool('blkid', [...fields, swap])).toBe(await runTool('blkid', [...fields, before]));
    const [ours, theirs] = [readFileSync(raw), readFileSync(disk.path)];
    expect(ours.length).toBe(theirs.length);
    expect(ours.subarray(0, ESP_START).equals(theirs.subarray(0, ESP_START)), 'table and boot loader').toBe(
      true,
    );
    expect(ours.subarray(SWAP_START + SWAP_SIZE).equals(theirs.subarray(SWAP_START + SWAP_SIZE))).toBe(true);
  }

  const CASES: { name: string; to: string; compression: ImageCompression; clusterSize?: number }[] = [
    { name: 'qcow2 zlib', to: 'qcow2', compression: 'zlib' },
    { name: 'qcow2 zstd', to: 'qcow2', compression: 'zstd' },
    { name: 'qcow2 plain', to: 'qcow2', compression: 'none' },
    { name: 'qcow2 zlib in clusters of 2 MiB', to: 'qcow2', compression: 'zlib', clusterSize: 2 * MiB },
    { name: 'qcow2 zstd in clusters of 512 bytes', to: 'qcow2', compression: 'zstd', clusterSize: 512 },
    { name: 'raw', to: 'raw', compression: 'none' },
  ];
  for (const { name, ...how } of CASES) {
    const slug = name.replaceAll(' ', '-'); // debugfs takes no blanks

    test(`${name}: the noise is gone, every file is there`, async () => {
      const output = join(folder, `${slug}.${how.to}`);
      const result = await run(guest.path, output, how);
      expect(result.filesystems.map(({ type, kept }) => [type, kept])).toEqual([
        ['vfat', null],
        ['ext4', null],
        ['swap', null],
      ]);
      if (how.to === 'qcow2') await runTool('qemu-img', ['check', output]);
      const raw = await unpack(output, how.to);
      await expectSound(raw);
      const content = readFileSync(raw);
      for (const { start, end } of guest.free) {
        expect(isBlank(content.subarray(start, end)), `free at ${start}`).toBe(true);
      }
      const swap = content.subarray(SWAP_START + 64 * 1024, SWAP_START + SWAP_SIZE);
      expect(isBlank(swap)).toBe(true);
      // 2 MiB of noise that is a file, and what little the rest compresses to.
      if (how.compression !== 'none')
        expect(result.output.fileSize).toBeLessThan(how.clusterSize === 2 * MiB ? 20 * MiB : 6 * MiB);
    });

    test(`${name}: keeping what is unused changes nothing`, async () => {
      const output = join(folder, `${slug}-kept.${how.to}`);
      const options = { ...how, keepUnused: ['ESP', '/'], dropSwap: false };
      const result = await run(guest.path, output, options);
      expect(result.books).toMatchObject({ stale: 0, swap: 0 });
      if (how.to === 'qcow2') await runTool('qemu-img', ['check', output]);
      expect(await runTool('qemu-img', ['compare', '-f', 'raw', '-F', how.to, guest.path, output])).toContain(
        'identical',
      );
    });

    if (how.clusterSize === 512) continue; // slow, and no different
    test(`${name}: the same bytes from 1 and 3 threads`, async () => {
      const hashes = [];
      for (const threads of [1, 3]) {
        const output = join(folder, `${slug}-${threads}.${how.to}`);
        await run(guest.path, output, { ...how, threads, verify: false });
        hashes.push(hashOf(output));
      }
      expect(new Set(hashes).size).toBe(1);
    });

    test(`${name}: optimizing the output again gives the same bytes`, async () => {
      const first = join(folder, `${slug}-first.${how.to}`);
      const second = join(folder, `${slug}-second.${how.to}`);
      await run(guest.path, first, how);
      await run(first, second, how);
      expect(hashOf(second)).toBe(hashOf(first));
    });
  }

  for (const [compression, tool] of [
    ['zstd', 'zstd'],
    ['gzip', 'gzip'],
  ] as const) {
    test(`raw through ${compression}: ${tool} -d gives the disk`, async () => {
      const plain = join(folder, `plain ${compression}.raw`);
      const packed = join(folder, `packed.${compression === 'zstd' ? 'zst' : 'gz'}`);
      await run(guest.path, plain, { to: 'raw', compression: 'none' });
      const result = await run(guest.path, packed, { to: 'raw', compression });
      expect(result.output.verified).toBe(DISK_SIZE);
      const { stdout } = await promisify(execFile)(findTool(tool)!, ['-dc', packed], {
        encoding: 'buffer',
        maxBuffer: 2 * DISK_SIZE,
      });
      expect(stdout.equals(readFileSync(plain))).toBe(true);
    });
  }

  test('every way of storing qcow2 is read: compressed, with subclusters, with a backing chain', async () => {
    const base = join(folder, 'base.qcow2');
    await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-c', guest.path, base]);
    const middle = join(folder, 'middle.qcow2');
    await runTool('qemu-img', [
      'create',
      '-q',
      '-f',
      'qcow2',
      '-o',
      'extended_l2=on',
      '-b',
      'base.qcow2',
      '-F',
      'qcow2',
      middle,
    ]);
    const top = join(folder, 'top.qcow2');
    await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', 'middle.qcow2', '-F', 'qcow2', top]);
    // The gap behind the partition table is kept: what the overlays write there must come through.
    await runTool('qemu-io', [
      '-f',
      'qcow2',
      '-c',
      'write -P 0x11 600k 10k',
      '-c',
      'write -z 640k 64k',
      middle,
    ]);
    await runTool('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x22 605k 10k', '-c', 'discard 768k 64k', top]);
    const keep = { keepUnused: ['ESP', '/'], dropSwap: false };
    const flat = join(folder, 'flat.qcow2');
    await run(top, flat, keep);
    expect(await runTool('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', top, flat])).toContain(
      'identical',
    );
    const info = JSON.parse(await runTool('qemu-img', ['info', '--output=json', flat])) as object;
    expect(info).not.toHaveProperty('backing-filename');

    const thin = join(folder, 'thin.qcow2');
    await run(top, thin, { ...keep, keepBacking: true });
    await runTool('qemu-img', ['check', thin]);
    expect(await runTool('qemu-img', ['compare', '-f', 'qcow2', '-F', 'qcow2', top, thin])).toContain(
      'identical',
    );
    expect(JSON.parse(await runTool('qemu-img', ['info', '--output=json', thin]))).toMatchObject({
      'backing-filename': 'middle.qcow2',
      'backing-filename-format': 'qcow2',
    });
    expect(statSync(thin).size).toBeLessThan(MiB);

    const dropped = join(folder, 'dropped.qcow2');
    await run(top, dropped);
    await expectSoundFiles(dropped);
    const droppedThin = join(folder, 'dropped-thin.qcow2');
    await run(top, droppedThin, { keepBacking: true });
    await expectSoundFiles(droppedThin);
  });

  async function expectSoundFiles(image: string): Promise<void> {
    await runTool('qemu-img', ['check', image]);
    const raw = await unpack(image, 'qcow2');
    await runTool('e2fsck', ['-fn', carve(raw, ROOT_START, ROOT_SIZE, `${raw}.root`)]);
  }

  test('a disk whose size is no multiple of a cluster keeps its size', async () => {
    const odd = join(folder, 'odd-source.raw');
    copyFileSync(guest.path, odd);
    truncateSync(odd, DISK_SIZE + 512 * 3);
    for (const [to, compression] of [
      ['qcow2', 'zlib'],
      ['raw', 'none'],
    ] as const) {
      const output = join(folder, `odd.${to}`);
      await run(odd, output, { to, compression });
      const info = JSON.parse(await runTool('qemu-img', ['info', '-f', to, '--output=json', output])) as {
        'virtual-size': number;
      };
      expect(info['virtual-size']).toBe(DISK_SIZE + 512 * 3);
    }
  });

  test('a disk that its format rounds up is verified with the zeros that it gains', async () => {
    const odd = join(folder, 'odd-azure.raw');
    copyFileSync(guest.path, odd);
    truncateSync(odd, DISK_SIZE + 512 * 3);
    const output = join(folder, 'odd.vhd');
    const { output: written } = await run(odd, output, {
      to: 'vpc',
      subformat: 'fixed',
      compression: 'none',
    });
    expect(written.verified).toBeGreaterThan(0);
    const MiB = 1024 * 1024;
    expect(written.fileSize).toBe(Math.ceil((DISK_SIZE + 512 * 3) / MiB) * MiB + 512);
    // The last byte of the disk's own, and nothing behind it: as qemu-img reads it.
    const raw = await unpack(output, 'vpc');
    expect(
      readFileSync(raw)
        .subarray(DISK_SIZE)
        .every((byte) => byte === 0),
    ).toBe(true);
  });

  test('a filesystem that waits for its journal is kept whole, and so is one that nobody reads', async () => {
    const dirty = join(folder, 'dirty.raw');
    copyFileSync(guest.path, dirty);
    const root = carve(dirty, ROOT_START, ROOT_SIZE, join(folder, 'dirty.root'));
    await runTool('debugfs', ['-w', '-R', 'feature needs_recovery', root]);
    const bytes = readFileSync(dirty);
    readFileSync(root).copy(bytes, ROOT_START);
    writeFileSync(dirty, bytes);
    const output = join(folder, 'dirty.qcow2');
    const result = await run(dirty, output, { to: 'qcow2' });
    expect(result.filesystems[1]).toMatchObject({ type: 'ext4', dropped: 0, kept: 'needs recovery' });
    const raw = readFileSync(await unpack(output, 'qcow2'));
    expect(raw.subarray(ROOT_START, ROOT_START + ROOT_SIZE).equals(readFileSync(root))).toBe(true);

    const unknown = Buffer.from(bytes);
    Buffer.from('XFSB').copy(unknown, ROOT_START); // as far as anybody can tell
    unknown.fill(0x5a, ROOT_START + 4, ROOT_START + 2 * MiB);
    const foreign = join(folder, 'foreign.raw');
    writeFileSync(foreign, unknown);
    const kept = join(folder, 'foreign.qcow2');
    const second = await run(foreign, kept, { to: 'qcow2' });
    expect(second.filesystems.find(({ type }) => type === 'xfs')?.kept).toMatch(/not read/);
    const out = readFileSync(await unpack(kept, 'qcow2'));
    const end = ROOT_START + ROOT_SIZE;
    expect(out.subarray(ROOT_START, end).equals(unknown.subarray(ROOT_START, end))).toBe(true);
  });

  test('a bitmap that fails its checksum keeps its filesystem whole', async () => {
    const broken = readFileSync(guest.path);
    const bitmap = /Block bitmap at (\d+)/.exec(
      await runTool('dumpe2fs', [carve(guest.path, ROOT_START, ROOT_SIZE, join(folder, 'b.root'))]),
    )![1]!;
    broken[ROOT_START + Number(bitmap) * 4096 + 100]! ^= 0xff;
    const path = join(folder, 'broken.raw');
    writeFileSync(path, broken);
    const result = await run(path, join(folder, 'broken.qcow2'), { to: 'qcow2' });
    expect(result.filesystems[1]).toMatchObject({ dropped: 0 });
    expect(result.filesystems[1]!.kept).not.toBeNull();
    expect(
      await runTool('qemu-img', [
        'compare',
        '-f',
        'raw',
        '-F',
        'qcow2',
        path,
        join(folder, 'broken.qcow2'),
      ]).catch((error: { stdout: string }) => error.stdout),
    ).not.toMatch(new RegExp(`offset (${Array.from({ length: 3 }, (_, i) => ROOT_START + i).join('|')})`));
  });

  test('internal snapshots refuse the job until they may go', async () => {
    const image = join(folder, 'snapshots.qcow2');
    await runTool('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', guest.path, image]);
    await runTool('qemu-img', ['snapshot', '-c', 'before', image]);
    const output = join(folder, 'no-snapshots.qcow2');
    await expect(run(image, output)).rejects.toMatchObject({ code: 'IMGOPT_HAS_SNAPSHOTS', exitCode: 3 });
    expect(existsSync(output)).toBe(false);
    await run(image, output, { dropSnapshots: true });
    await expectSoundFiles(output);
  });

  test('an image that QEMU holds open, or left dirty, is refused until --force', async () => {
    const image = join(folder, 'used.qcow2');
    await runTool('qemu-img', [
      'convert',
      '-f',
      'raw',
      '-O',
      'qcow2',
      '-o',
      'lazy_refcounts=on',
      guest.path,
      image,
    ]);
    const output = join(folder, 'used-out.qcow2');
    if (process.platform === 'linux') {
      const qemu = spawn(findTool('qemu-io')!, ['-f', 'qcow2', image], { stdio: ['pipe', 'pipe', 'ignore'] });
      try {
        await new Promise((resolve) => qemu.stdout.once('data', resolve)); // its prompt
        await expect(run(image, output)).rejects.toMatchObject({ code: 'IMGOPT_IMAGE_IN_USE', exitCode: 4 });
      } finally {
        qemu.stdin.end('quit\n');
        await new Promise((resolve) => qemu.once('close', resolve));
      }
    }
    await run(image, output);
    const bytes = readFileSync(image);
    bytes[79]! |= 1; // incompatible feature 0: dirty
    writeFileSync(image, bytes);
    await expect(run(image, join(folder, 'dirty-out.qcow2'))).rejects.toMatchObject({
      code: 'IMGOPT_IMAGE_IN_USE',
    });
    const forced = join(folder, 'forced.qcow2');
    await run(image, forced, { force: true });
    // What it was is kept: lazy refcounts, and no dirty bit.
    expect(JSON.parse(await runTool('qemu-img', ['info', '--output=json', forced]))).toMatchObject({
      'format-specific': { data: { 'lazy-refcounts': true, corrupt: false } },
    });
    await expectSoundFiles(forced);
  });

  test('a qcow2 that was cut anywhere gives no output', async () => {
    const whole = join(folder, 'whole.qcow2');
    await run(guest.path, whole, { to: 'qcow2' });
    const { size } = statSync(whole);
    const output = join(folder, 'cut-out.qcow2');
    for (const share of [0.05, 0.3, 0.5, 0.8, 0.95]) {
      const cut = join(folder, 'cut.qcow2');
      copyFileSync(whole, cut);
      truncateSync(cut, Math.floor(size * share));
      await expect(run(cut, output), `cut at ${share}`).rejects.toMatchObject({ exitCode: 3 });
      expect(existsSync(output)).toBe(false);
    }
  });

  test('a raw disk that was cut gives no output', async () => {
    const output = join(folder, 'cut-raw.qcow2');
    for (const size of [ROOT_START + 20 * MiB, SWAP_START + MiB, DISK_SIZE - MiB]) {
      const cut = join(folder, 'cut.raw');
      copyFileSync(guest.path, cut);
      truncateSync(cut, size);
      await expect(run(cut, output, { to: 'qcow2' }), `cut at ${size}`).rejects.toMatchObject({
        exitCode: 3,
      });
      expect(existsSync(output)).toBe(false);
    }
  });

  test('the block map names exactly the blocks that are not zero, with their checksums', async () => {
    const output = join(folder, 'mapped.raw');
    const bmap = join(folder, 'mapped.bmap');
    await run(guest.path, output, { to: 'raw', compression: 'none', bmap });
    const xml = readFileSync(bmap, 'utf8');
    const content = readFileSync(output);
    const mapped = new Set<number>();
    for (const [, sum, range] of xml.matchAll(/<Range chksum="([0-9a-f]{64})"> ([0-9-]+) <\/Range>/g)) {
      const [first, last] = range!.split('-').map(Number) as [number, number?];
      for (let block = first; block <= (last ?? first); block++) mapped.add(block);
      const bytes = content.subarray(first * 4096, ((last ?? first) + 1) * 4096);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(sum);
    }
    for (let block = 0; block * 4096 < content.length; block++) {
      const isZero = isBlank(content.subarray(block * 4096, (block + 1) * 4096));
      expect(mapped.has(block)).toBe(!isZero);
    }
    const own = /<BmapFileChecksum> ([0-9a-f]{64}) </.exec(xml)![1]!;
    expect(
      createHash('sha256')
        .update(xml.replace(own, '0'.repeat(64)))
        .digest('hex'),
    ).toBe(own);
    expect(xml).toContain(`<MappedBlocksCount> ${mapped.size} </MappedBlocksCount>`);
  });

  test('a dry run foretells the size', async () => {
    for (const compression of ['zlib', 'zstd', 'none'] as const) {
      const how: Overrides = { to: 'qcow2', compression };
      const { prediction } = await run(guest.path, null, how);
      const { output } = await run(guest.path, join(folder, `foretold ${compression}.qcow2`), {
        ...how,
        verify: false,
      });
      expect(Math.abs(output.fileSize! - prediction!.bytes)).toBeLessThan(
        Math.max(prediction!.error, MiB / 2),
      );
    }
  });

  for (const features of [
    'bigalloc',
    '^has_journal',
    '^metadata_csum,uninit_bg',
    'inline_data',
    '^flex_bg',
    'meta_bg,^resize_inode',
  ]) {
    test(`poison with ${features}: every file is there`, async () => {
      const disk = await makeGuestDisk(join(folder, features.replaceAll(',', '-')), features);
      const output = join(folder, `${features}.qcow2`);
      const result = await run(disk.path, output, { to: 'qcow2' });
      expect(result.filesystems[1]).toMatchObject({ type: 'ext4', kept: null });
      await expectSound(await unpack(output, 'qcow2'), disk);
    });
  }
});
