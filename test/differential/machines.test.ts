/** OVAs and Vagrant boxes that other tools made: what is told of them is what is told of their disks. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { DiagnosticLog } from '../../src/core/context.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { open } from '../support/archives.ts';
import { convert, makeOva, makeTwoDisks, ovfText } from '../support/machines.ts';
import { MiB } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const SIZE = 24 * MiB;

async function reportOf(path: string, verify = false): Promise<MeasuredReport> {
  const log = new DiagnosticLog();
  const inspection = await open(path, log, { verify });
  try {
    const report = await createReport(inspection, { version: '0', top: 0, diagnostics: log.list() });
    reportSchema.parse(report);
    const { files, metadata, stale, unread, other } = report.books;
    expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
      report.artifact.allocated,
    );
    return report;
  } finally {
    await inspection.close();
  }
}

const codes = ({ diagnostics }: MeasuredReport): string[] => diagnostics.map(({ code }) => code);
/** What must not depend on how the disks are packed. */
const story = ({ os, totals, files, directories }: MeasuredReport): unknown => ({
  os,
  totals,
  files,
  directories,
});

describeWithTools(
  ['qemu-img', 'mke2fs', 'sfdisk', 'tar', 'sha256sum', 'xz'],
  'machines in containers',
  () => {
    const folder = temporaryFolder();
    const at = (name: string): string => join(folder, name);
    let both: MeasuredReport;
    let alone: MeasuredReport;

    beforeAll(async () => {
      const { root, data } = await makeTwoDisks(folder);
      await convert(root, at('root.vmdk'), 'vmdk', 'subformat=streamOptimized');
      await convert(data, at('data.vmdk'), 'vmdk', 'subformat=streamOptimized');
      alone = await reportOf(at('root.vmdk'));
      await makeOva(folder, 'two.ova', [
        { path: at('root.vmdk'), capacity: SIZE },
        { path: at('data.vmdk'), capacity: SIZE },
      ]);
      both = await reportOf(at('two.ova'), true);
    });

    it('two disks are one machine: /data is on the second, and the books balance', () => {
      expect(both.artifact.format).toBe('ova');
      expect(both.artifact.virtualSize).toBe(2 * SIZE);
      expect(both.partitions.map(({ disk, index, start }) => [disk, index, start])).toEqual([
        [0, 1, MiB],
        [1, 1, MiB],
      ]);
      expect(both.filesystems.map(({ disk, label, mountPoint }) => [disk, label, mountPoint])).toEqual([
        [0, 'root', '/'],
        [1, 'data', '/data'],
      ]);
      expect(both.files.find(({ path }) => path === '/data/big.bin')?.size).toBe(2 * MiB);
      expect(both.os).toEqual(alone.os);
      // Nothing but a claim of ovftool's that nobody measured.
      expect(codes(both).filter((code) => code !== 'IMGOPT_OVF_POPULATED')).toEqual([]);
    });

    it.each(['sha1', 'sha256', 'sha512'])('digests by %ssum are checked with --verify', async (algorithm) => {
      const path = await makeOva(folder, `${algorithm}.ova`, [{ path: at('root.vmdk'), capacity: SIZE }], {
        algorithm,
      });
      const sound = await reportOf(path, true);
      expect(codes(sound).filter((code) => code !== 'IMGOPT_OVF_POPULATED')).toEqual([]);
      expect(story(sound)).toEqual(story(alone));
      const bytes = readFileSync(path);
      bytes[Math.floor(bytes.length / 2)]! ^= 1; // somewhere in the compressed disk
      writeFileSync(at('changed.ova'), bytes);
      expect(codes(await reportOf(at('changed.ova'), true))).toContain('IMGOPT_DIGEST_MISMATCH');
    });

    it('sizes that are not true are told', async () => {
      const text = ovfText([{ href: 'root.vmdk', capacity: 2 * SIZE, size: 4711 }]);
      writeFileSync(at('wrong.ovf'), text);
      await runTool('tar', ['-C', folder, '-cf', at('wrong.ova'), 'wrong.ovf', 'root.vmdk']);
      const report = await reportOf(at('wrong.ova'), true);
      expect(codes(report)).toEqual(
        expect.arrayContaining([
          'IMGOPT_OVF_SIZE',
          'IMGOPT_OVF_CAPACITY',
          'IMGOPT_OVF_POPULATED',
          'IMGOPT_NO_MANIFEST',
        ]),
      );
      expect(report.diagnostics.some(({ severity }) => severity === 'error')).toBe(false);
      // The same, loose.
      const loose = await reportOf(at('wrong.ovf'));
      expect(story(loose)).toEqual(story(alone));
      expect(loose.artifact.fileSize).toBe(statSync(at('root.vmdk')).size + Buffer.byteLength(text));
      expect(codes(loose)).toContain('IMGOPT_OVF_SIZE');
    });

    it('a disk that is gzipped in it, and one that is missing', async () => {
      execFileSync('gzip', ['-k', '-1', at('root.vmdk')]);
      const path = await makeOva(folder, 'packed.ova', [
        { path: at('root.vmdk.gz'), capacity: SIZE, compression: 'gzip' },
      ]);
      const report = await reportOf(path, true);
      expect(story(report)).toEqual(story(alone));
      expect(codes(report).filter((code) => !/POPULATED|SPOOLED/.test(code))).toEqual([]);
      await runTool('tar', ['-C', folder, '-cf', at('missing.ova'), 'two.ovf', 'root.vmdk']);
      const missing = await reportOf(at('missing.ova'));
      expect(codes(missing)).toContain('IMGOPT_DISK_MISSING');
      expect(story(missing)).toEqual(story(alone));
    });

    const BOXES: [string, string, string, string, object | null, string?][] = [
      ['libvirt', 'box.img', 'qcow2', '', { provider: 'libvirt', format: 'qcow2', virtual_size: 1 }],
      [
        'libvirt, by list',
        'disk-a.qcow2',
        'qcow2',
        '',
        { provider: 'libvirt', disks: [{ path: 'disk-a.qcow2', format: 'qcow2' }] },
      ],
      [
        'virtualbox',
        'box-disk001.vmdk',
        'vmdk',
        'subformat=streamOptimized',
        { provider: 'virtualbox' },
        'box.ovf',
      ],
      [
        'vmware_desktop',
        'disk.vmdk',
        'vmdk',
        'subformat=twoGbMaxExtentSparse',
        { provider: 'vmware_desktop' },
        'box.vmx',
      ],
      [
        'hyperv',
        'Virtual Hard Disks/disk.vhd',
        'vpc',
        'subformat=dynamic,force_size=on',
        { provider: 'hyperv' },
      ],
      ['none that is named', 'box.img', 'qcow2', '', null, 'Vagrantfile'],
    ];
    it.each(BOXES)('a box of %s', async (name, disk, format, options, metadata, extra) => {
      const inner = at(`box ${name}`);
      mkdirSync(join(inner, 'Virtual Hard Disks'), { recursive: true });
      await convert(at('root.raw'), join(inner, disk), format, options);
      if (metadata !== null) writeFileSync(join(inner, 'metadata.json'), JSON.stringify(metadata));
      if (extra === 'box.ovf') {
        const size = statSync(join(inner, disk)).size;
        writeFileSync(join(inner, extra), ovfText([{ href: disk, capacity: SIZE, size }]));
      } else if (extra === 'box.vmx') {
        writeFileSync(
          join(inner, extra),
          `.encoding = "UTF-8"\nscsi0:0.present = "TRUE"\nscsi0:0.fileName = "${disk}"\nide0:0.fileName = "cd.iso"\n`,
        );
      } else if (extra !== undefined) writeFileSync(join(inner, extra), 'Vagrant.configure("2")\n');
      for (const [suffix, program] of [
        ['tar', undefined],
        ['tar.gz', 'gzip'],
        ['tar.zst', 'zstd'],
      ] as const) {
        const path = at(`box.${suffix}`);
        const compress = program === undefined ? [] : [`--use-compress-program=${program}`];
        await runTool('tar', ['-C', inner, ...compress, '-cf', path, '.']);
        const report = await reportOf(path);
        expect(report.artifact.format).toBe('box');
        expect(report.artifact.formatDetails).toMatchObject({
          provider: metadata === null ? null : (metadata as { provider: string }).provider,
        });
        expect(story(report)).toEqual(story(alone));
        expect(report.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      }
    });

    it("a cloud's disk.raw in an old GNU tar, sparse and compressed", async () => {
      copyFileSync(at('root.raw'), at('disk.raw'));
      execFileSync('fallocate', ['--dig-holes', at('disk.raw')]);
      await runTool('tar', ['-C', folder, '--format=oldgnu', '-Sczf', at('cloud.tar.gz'), 'disk.raw']);
      const report = await reportOf(at('cloud.tar.gz'));
      expect(report.artifact.format).toBe('tar');
      expect(story(report)).toEqual(story(alone));
    });
  },
);
