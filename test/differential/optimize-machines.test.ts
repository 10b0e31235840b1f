/**
 * OVAs and Vagrant boxes written again: sizes and digests are what stat and sha256sum say, disks are sound by
 * qemu-img and e2fsck and hold the same files by debugfs, and nothing else in them has changed.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { convert, makeOva, makeTwoDisks, ovfText, PARTITION_START } from '../support/machines.ts';
import { carve, debugfsFiles, hashOf, MiB, run } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const SIZE = 24 * MiB;
const TOOLS = ['qemu-img', 'mke2fs', 'e2fsck', 'debugfs', 'sfdisk', 'tar', 'sha256sum', 'sha512sum', '7zz'];

describeWithTools(TOOLS, 'containers, optimized', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const filesOf = new Map<string, ReadonlyMap<string, string>>();
  let count = 0;

  beforeAll(async () => {
    const { root, data } = await makeTwoDisks(folder);
    for (const [name, path] of [
      ['root', root],
      ['data', data],
    ] as const) {
      filesOf.set(name, await debugfsFiles(carve(path, PARTITION_START, SIZE - 2 * MiB, at(`${name}.part`))));
      await convert(path, at(`${name}.vmdk`), 'vmdk', 'subformat=streamOptimized');
    }
  });

  /** Unpacks what GNU tar finds. */
  async function unpack(path: string): Promise<string> {
    const target = at(`unpacked-${count++}`);
    mkdirSync(target);
    await runTool('tar', ['-C', target, '-xf', path]);
    return target;
  }

  /** The disk is sound, holds the files that it held, and nothing of what was deleted. */
  async function expectDisk(image: string, format: string, name: string): Promise<void> {
    if (format !== 'vpc') await runTool('qemu-img', ['check', '-f', format, image]);
    const raw = at(`disk-${count++}.raw`); // a path without blanks: debugfs splits at them
    await runTool('qemu-img', ['convert', '-f', format, '-O', 'raw', image, raw]);
    expect(statSync(raw).size).toBe(SIZE);
    const partition = carve(raw, PARTITION_START, SIZE - 2 * MiB, `${raw}.part`);
    await runTool('e2fsck', ['-fn', partition]);
    expect(await debugfsFiles(partition)).toEqual(filesOf.get(name));
  }

  it.each(['sha256', 'sha512'])('an OVA of two disks, %s', async (algorithm) => {
    writeFileSync(at('two.cert'), '-----BEGIN CERTIFICATE-----\n');
    const input = await makeOva(
      folder,
      'two.ova',
      ['root', 'data'].map((name) => ({ path: at(`${name}.vmdk`), capacity: SIZE })),
      { algorithm, more: ['two.cert'] },
    );
    const before = hashOf(input);
    const output = at(`small-${algorithm}.ova`);
    const { books, output: written } = await run(input, output);
    expect(hashOf(input)).toBe(before);
    expect(books.stale).toBeGreaterThan(20 * MiB);
    expect(written.verified).toBeGreaterThan(0);
    expect(statSync(output).size).toBeLessThan(0.25 * statSync(input).size);
    const names = (await runTool('tar', ['-tf', output])).trim().split('\n');
    // The descriptor first, as OVF wants it; the signature no longer matches, so it is gone.
    expect(names).toEqual(['two.ovf', 'two.mf', 'root.vmdk', 'data.vmdk']);
    await runTool('7zz', ['t', '-ttar', output]);
    const folderOut = await unpack(output);
    const manifest = readFileSync(join(folderOut, 'two.mf'), 'utf8');
    expect(manifest.trim().split('\n')).toHaveLength(3);
    for (const [, kind, file, digest] of manifest.matchAll(/^(\w+)\((.*)\)= (\w+)$/gm)) {
      expect(kind).toBe(algorithm.toUpperCase());
      const [actual] = (await runTool(`${algorithm}sum`, [join(folderOut, file!)])).split(' ');
      expect(digest).toBe(actual);
    }
    const size = (name: string): number => statSync(join(folderOut, name)).size;
    const descriptor = readFileSync(join(folderOut, 'two.ovf'), 'utf8');
    const wanted = ovfText(
      ['root', 'data'].map((name) => ({ href: `${name}.vmdk`, capacity: SIZE, size: size(`${name}.vmdk`) })),
    );
    // Apart from what the disks store, the text is what it would have been.
    expect(descriptor.replaceAll(/populatedSize="\d+"/g, 'populatedSize="1"')).toBe(wanted);
    const populated = [...descriptor.matchAll(/populatedSize="(\d+)"/g)].map(([, bytes]) => Number(bytes));
    for (const [index, name] of ['root', 'data'].entries()) {
      const image = join(folderOut, `${name}.vmdk`);
      await expectDisk(image, 'vmdk', name);
      const map = JSON.parse(await runTool('qemu-img', ['map', '-f', 'vmdk', '--output=json', image])) as {
        length: number;
        data: boolean;
      }[];
      const stored = map.reduce((sum, one) => sum + (one.data ? one.length : 0), 0);
      expect(populated[index]).toBe(stored);
    }
    // Once more: the same bytes, and nothing left to drop.
    const again = await run(output, at(`again-${algorithm}.ova`));
    expect(hashOf(at(`again-${algorithm}.ova`))).toBe(hashOf(output));
    expect(again.books.stale).toBeLessThan(MiB);
    const threads = await run(input, at(`threads-${algorithm}.ova`), { threads: 1 });
    expect(threads.output.fileSize).toBe(statSync(output).size);
    expect(hashOf(at(`threads-${algorithm}.ova`))).toBe(hashOf(output));
    expect(readdirSync(folder).filter((name) => name.endsWith('.imgopt-partial'))).toEqual([]);
  });

  it('a disk that is gzipped in its OVA stays so', async () => {
    execFileSync('gzip', ['-kf', '-1', at('root.vmdk')]);
    const input = await makeOva(folder, 'packed.ova', [
      { path: at('root.vmdk.gz'), capacity: SIZE, compression: 'gzip' },
    ]);
    await run(input, at('packed-small.ova'));
    const out = await unpack(at('packed-small.ova'));
    await runTool('gzip', ['-t', join(out, 'root.vmdk.gz')]);
    execFileSync('gzip', ['-d', join(out, 'root.vmdk.gz')]);
    await expectDisk(join(out, 'root.vmdk'), 'vmdk', 'root');
    expect(readFileSync(join(out, 'packed.ovf'), 'utf8')).toContain('ovf:compression="gzip"');
  });

  it('a loose descriptor becomes an OVA', async () => {
    const size = statSync(at('root.vmdk')).size;
    writeFileSync(at('loose.ovf'), ovfText([{ href: 'root.vmdk', capacity: SIZE, size }]));
    await expect(run(at('loose.ovf'), at('loose.out'))).rejects.toMatchObject({ code: 'IMGOPT_NO_WRITER' });
    await run(at('loose.ovf'), at('loose.ova'), { to: 'ova' });
    expect((await runTool('tar', ['-tf', at('loose.ova')])).trim().split('\n')).toEqual([
      'loose.ovf',
      'root.vmdk',
    ]);
    await expectDisk(join(await unpack(at('loose.ova')), 'root.vmdk'), 'vmdk', 'root');
  });

  it('one disk comes out as an image, two do not', async () => {
    const one = await makeOva(folder, 'one.ova', [{ path: at('root.vmdk'), capacity: SIZE }]);
    await run(one, at('root.qcow2'), { to: 'qcow2' });
    await expectDisk(at('root.qcow2'), 'qcow2', 'root');
    const two = await makeOva(
      folder,
      'pair.ova',
      ['root', 'data'].map((name) => ({ path: at(`${name}.vmdk`), capacity: SIZE })),
    );
    await expect(run(two, at('two.qcow2'), { to: 'qcow2' })).rejects.toMatchObject({
      code: 'IMGOPT_SEVERAL_DISKS',
    });
    const { prediction } = await run(two, null);
    const { output } = await run(two, at('pair-small.ova'));
    // A prediction counts blocks; headers and grain directories of two small disks come on top.
    expect(Math.abs(prediction!.bytes - output.fileSize!)).toBeLessThan(prediction!.error + 2 * 128 * 1024);
  });

  const BOXES: [string, string, string, string, object, string[]][] = [
    [
      'libvirt',
      'box.img',
      'qcow2',
      '',
      { provider: 'libvirt', format: 'qcow2', virtual_size: 9, more: [1] },
      [],
    ],
    [
      'virtualbox',
      'box-disk001.vmdk',
      'vmdk',
      'subformat=streamOptimized',
      { provider: 'virtualbox' },
      ['box.ovf'],
    ],
    [
      'vmware_desktop',
      'disk.vmdk',
      'vmdk',
      'subformat=twoGbMaxExtentSparse',
      { provider: 'vmware_desktop' },
      ['box.vmx'],
    ],
    [
      'hyperv',
      'Virtual Hard Disks/disk.vhd',
      'vpc',
      'subformat=dynamic,force_size=on',
      { provider: 'hyperv' },
      ['box.xml'],
    ],
  ];
  it.each(BOXES)('a box of %s', async (provider, disk, format, options, metadata, extra) => {
    const inner = at(`box-${provider}`);
    mkdirSync(join(inner, 'Virtual Hard Disks'), { recursive: true });
    await convert(at('root.raw'), join(inner, disk), format, options);
    writeFileSync(join(inner, 'metadata.json'), JSON.stringify(metadata));
    writeFileSync(join(inner, 'Vagrantfile'), 'Vagrant.configure("2")\n');
    for (const name of extra) {
      const text = {
        'box.ovf': ovfText([{ href: disk, capacity: SIZE, size: 1 }]),
        'box.vmx': `scsi0:0.present = "TRUE"\nscsi0:0.fileName = "${disk}"\n`,
        'box.xml': '<configuration/>\n',
      }[name]!;
      writeFileSync(join(inner, name), text);
    }
    for (const suffix of ['tar', 'tar.gz', 'tar.zst']) {
      const input = at(`${provider}.${suffix}`);
      const output = at(`${provider}-small.${suffix}`);
      const program = { tar: [], 'tar.gz': ['-z'], 'tar.zst': ['--zstd'] }[suffix]!;
      await runTool('tar', ['-C', inner, ...program, '-cf', input, '.']);
      await run(input, output);
      const before = await runTool('tar', ['-tf', input]);
      const names = await runTool('tar', ['-tf', output]);
      // The pieces of a split disk become the file that describes them.
      expect(names.split('\n')).toEqual(before.split('\n').filter((name) => !/-s\d+\.vmdk/.test(name)));
      if (suffix === 'tar.gz') await runTool('gzip', ['-t', output]);
      if (suffix === 'tar.zst') await runTool('zstd', ['-qt', output]);
      const out = await unpack(output);
      await expectDisk(join(out, disk), format, 'root');
      const now = JSON.parse(readFileSync(join(out, 'metadata.json'), 'utf8')) as object;
      expect(now).toEqual(provider === 'libvirt' ? { ...metadata, virtual_size: 1 } : metadata);
      for (const name of ['Vagrantfile', ...extra.filter((one) => one !== 'box.ovf')])
        expect(hashOf(join(out, name))).toBe(hashOf(join(inner, name)));
      if (provider === 'virtualbox')
        expect(readFileSync(join(out, 'box.ovf'), 'utf8')).toContain(
          `ovf:size="${statSync(join(out, disk)).size}"`,
        );
      if (provider === 'vmware_desktop') {
        const info = await runTool('qemu-img', ['info', '--output=json', join(out, disk)]);
        expect(info).toContain('monolithicSparse');
      }
    }
  });
});
