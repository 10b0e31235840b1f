/** Images that xz and bzip2 compressed, read through the plugin: with what the tools make of them. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { imgopt } from '../support/cli.ts';
import { makeDisk } from '../support/machines.ts';
import { hashOf, MiB, prose } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

describeWithTools(['xz', 'bzip2', 'tar', 'mke2fs', 'sfdisk', 'qemu-img'], 'xz and bzip2', () => {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  let story: unknown;

  async function report(
    name: string,
  ): Promise<{ artifact: { formatDetails: object }; files: unknown; filesystems: unknown }> {
    const { code, stdout, stderr } = await imgopt(['analyze', name, '--json', '--top', '0'], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }

  beforeAll(async () => {
    const files = {
      'etc/fstab': '',
      'etc/os-release': 'ID=debian\n',
      'usr/lib/text': prose(2 * MiB, 'text'),
    };
    copyFileSync(await makeDisk(folder, 'root', files), at('disk.raw'));
    const { files: list, filesystems } = await report('disk.raw');
    story = { list, filesystems };
  });

  it.each([
    ['disk.raw.xz', ['xz', '-c', '-1']],
    ['blocks.raw.xz', ['xz', '-c', '--block-size=1MiB', '--check=crc32', '-T2']],
    ['disk.raw.bz2', ['bzip2', '-c', '-9']],
    ['level1.raw.bz2', ['bzip2', '-c', '-1']],
  ])('%s', async (name, [tool, ...args]) => {
    writeFileSync(at(name), execFileSync(tool!, [...args, 'disk.raw'], { cwd: folder, maxBuffer: 1 << 28 }));
    const { artifact, files, filesystems } = await report(name);
    expect({ list: files, filesystems }).toEqual(story);
    expect(artifact.formatDetails).toMatchObject({ compressedWith: tool });
  });

  it('a tar.xz of a root filesystem, and a box that bzip2 compressed', async () => {
    await runTool('tar', ['-C', at('root.tree'), '-cJf', at('root.tar.xz'), '.']);
    expect((await report('root.tar.xz')).artifact).toMatchObject({ format: 'tar' });
    writeFileSync(at('metadata.json'), '{"provider":"libvirt"}');
    copyFileSync(at('disk.raw'), at('box.img'));
    await runTool('tar', ['-C', folder, '-cjf', at('bz.box'), 'metadata.json', 'box.img']);
    expect((await report('bz.box')).artifact).toMatchObject({ format: 'box' });
    const refused = await imgopt(['optimize', 'bz.box', '-o', 'out.box'], { cwd: folder });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('IMGOPT_NO_COMPRESSION');
  });

  it('optimize reads them too', async () => {
    const { code } = await imgopt(['optimize', 'disk.raw.xz', '-o', 'out.qcow2', '--to', 'qcow2'], {
      cwd: folder,
    });
    expect(code).toBe(0);
    await runTool('qemu-img', ['check', at('out.qcow2')]);
    const direct = await imgopt(['optimize', 'disk.raw', '-o', 'direct.qcow2', '--to', 'qcow2'], {
      cwd: folder,
    });
    expect(direct.code).toBe(0);
    expect(hashOf(at('out.qcow2'))).toBe(hashOf(at('direct.qcow2')));
  });

  it.each(['disk.raw.xz', 'disk.raw.bz2'])('%s cut short or damaged is one line and exit 3', async (name) => {
    const whole = readFileSync(at(name));
    const damaged = Buffer.from(whole);
    damaged[Math.floor(whole.length / 2)]! ^= 4;
    for (const bytes of [whole.subarray(0, whole.length - 20), damaged]) {
      writeFileSync(at('bad'), bytes);
      const { code, stderr } = await imgopt(['analyze', 'bad'], { cwd: folder });
      expect(code).toBe(3);
      expect(stderr).toContain('IMGOPT_COMPRESSION_CORRUPT');
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });
});
