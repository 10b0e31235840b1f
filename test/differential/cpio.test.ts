/** Initramfs archives by GNU cpio, against bsdtar and lsinitramfs. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { listing, listOf, open, pythonListing } from '../support/archives.ts';
import { noise } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

describeWithTools(['cpio', 'bsdtar', 'tar', 'python3', 'lsinitramfs', 'zstd', 'gzip'], 'cpio', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  let early: Buffer;
  let main: Buffer;

  const pack = (tree: string, format: string): Buffer => {
    const names = runToolSync('find', [tree, '-mindepth', '0', '-printf', '%P\\0']).toString().split('\0');
    const list = Buffer.from(
      names
        .filter((name) => name !== '')
        .sort()
        .join('\0'),
    );
    return execFileSync('cpio', ['--quiet', '-o', '-0', '-H', format], {
      cwd: tree,
      input: list,
      maxBuffer: 1 << 28,
    });
  };

  beforeAll(() => {
    mkdirSync(at('early/kernel/x86/microcode'), { recursive: true });
    writeFileSync(at('early/kernel/x86/microcode/GenuineIntel.bin'), noise(200_000, 3));
    for (const name of ['etc', 'usr/bin', 'usr/lib/modules'])
      mkdirSync(at(`main/${name}`), { recursive: true });
    writeFileSync(at('main/etc/initrd-release'), 'ID=debian\n');
    writeFileSync(at('main/usr/bin/busybox'), Buffer.alloc(80_001, 'busybox '));
    linkSync(at('main/usr/bin/busybox'), at('main/usr/bin/sh'));
    linkSync(at('main/usr/bin/busybox'), at('main/usr/bin/cat'));
    symlinkSync('usr/bin', at('main/bin'));
    for (let i = 0; i < 50; i++) writeFileSync(at(`main/usr/lib/modules/${i}.ko`), noise(i * 111, i + 1));
    early = pack(at('early'), 'newc');
    main = pack(at('main'), 'newc');
  });

  /** As bsdtar unpacks it. */
  async function unpacked(path: string): Promise<unknown> {
    const target = `${path}.unpacked`;
    mkdirSync(target);
    await runTool('bsdtar', ['-xpf', path, '-C', target]);
    await runTool('tar', ['-C', target, '-cf', `${target}.tar`, '.']);
    return pythonListing(`${target}.tar`);
  }

  it.each(['newc', 'crc'])('%s, as bsdtar unpacks it', async (format) => {
    const path = at(`one.${format}`);
    writeFileSync(path, pack(at('main'), format));
    expect(await listing(path)).toEqual(await unpacked(path));
  });

  it("bsdtar's own newc", async () => {
    await runTool('bsdtar', ['-C', at('main'), '--format=newc', '-cf', at('bsd.cpio'), '.']);
    expect(await listing(at('bsd.cpio'))).toEqual(await unpacked(at('bsd.cpio')));
  });

  it.each(['gzip', 'zstd', 'cat'])('microcode before an archive through %s', async (program) => {
    const path = at(`initrd.${program}`);
    writeFileSync(path, early);
    const packed = execFileSync(program, program === 'cat' ? [] : ['-c'], {
      input: main,
      maxBuffer: 1 << 28,
    });
    appendFileSync(path, packed);
    // lsinitramfs gives up on two archives that are not compressed; the kernel does not.
    const list =
      program === 'cat'
        ? runToolSync('find', [at('early'), at('main'), '-printf', '%P\\n']).toString()
        : await runTool('lsinitramfs', [path]);
    const names = list
      .split('\n')
      .map((name) => name.replace(/^\.?\/?/, ''))
      .filter((name) => name !== '' && name !== '.');
    const inspection = await open(path);
    try {
      expect(
        Object.keys(await listOf(inspection))
          .map((name) => name.slice(1))
          .sort(),
      ).toEqual([...new Set(names)].sort());
      const report = await createReport(inspection, { version: '0', top: 0 });
      const { files, metadata, stale, unread, other } = report.books;
      expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
        report.artifact.allocated,
      );
      expect(report.files[0]).toMatchObject({
        path: '/kernel/x86/microcode/GenuineIntel.bin',
        allocated: 200_000,
      });
      expect(report.files[1]).toMatchObject({ size: 80_001, links: 3 });
      expect(report.artifact.formatDetails).toMatchObject({
        archives: [{ compressedWith: null }, { compressedWith: program === 'cat' ? null : program }],
      });
    } finally {
      await inspection.close();
    }
  });

  it('what follows in a compression that nobody reads is said, and the rest told', async () => {
    writeFileSync(
      at('initrd.lz4'),
      Buffer.concat([early, Buffer.from('\x02\x21\x4c\x18', 'latin1'), readFileSync(at('one.newc'))]),
    );
    const inspection = await open(at('initrd.lz4'));
    expect(inspection.isComplete).toBe(false);
    expect(inspection.table.count).toBe(5);
    expect(inspection.diagnostics.map(({ code }) => code)).toEqual(['IMGOPT_CPIO_COMPRESSION']);
    await inspection.close();
  });
});
