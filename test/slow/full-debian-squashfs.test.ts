/**
 * A full Debian system (bench/make-debian.sh; `IMGOPT_BENCH_DATA` names its folder) as squashfs, as live systems and
 * appliances carry theirs: every attribute and all content against the tree that went in, sizes of the whole against
 * unsquashfs, packages against dpkg-query. Needs 3 GB in the temporary folder. Prints what it compared.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import contributeCodecs from '../../plugins/codecs/src/contribute.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { squashfsDriver } from '../../src/disk/filesystems/squashfs/squashfs.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { imgopt } from '../support/cli.ts';
import { type Entry, hostTree, imageTree, openFilesystem } from '../support/read-only.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { DebianTree, debianTar } from './debian-images.ts';

const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'gzip, as mksquashfs does': ['-Xcompression-level', '1'],
  'zstd in blocks of 1 MiB, as live systems do': ['-comp', 'zstd', '-Xcompression-level', '1', '-b', '1M'],
  'xz, as snaps do': ['-comp', 'xz', '-no-xattrs', '-e', 'usr/lib/modules', 'usr/lib/x86_64-linux-gnu'],
};

describeWithTools(['mksquashfs', 'unsquashfs', 'tar', 'find', 'dpkg-query'], 'a full Debian system', () => {
  const folder = temporaryFolder();
  const image = join(folder, 'root.squashfs');
  let made: { readonly tree: DebianTree; readonly wanted: Map<string, Entry> } | undefined;

  async function prepare() {
    if (made !== undefined) return made;
    const tree = DebianTree.extract(await debianTar(), folder);
    const wanted = hostTree(tree.path);
    // Without root, only find under fakeroot knows whose the files are.
    const told = tree
      .run('find', [tree.path, '-printf', '/%P\\0%m\\0%U\\0%G\\0'])
      .toString('latin1')
      .split('\0');
    for (let at = 0; at + 4 <= told.length; at += 4) {
      const [path, mode, uid, gid] = told.slice(at, at + 4) as [string, string, string, string];
      const own = { mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid) };
      wanted.set(path, { ...wanted.get(path)!, ...own });
    }
    expect(wanted.size).toBeGreaterThan(30_000);
    made = { tree, wanted };
    return made;
  }

  test.each(Object.entries(VARIANTS))('%s', async (name, args) => {
    const { tree, wanted } = await prepare();
    rmSync(image, { force: true });
    tree.run('mksquashfs', [tree.path, image, '-quiet', '-no-progress', ...args]);
    const left = args.includes('-e') ? args.slice(args.indexOf('-e') + 1).map((one) => `/${one}`) : [];
    const isLeftOut = (path: string): boolean =>
      left.some((one) => path === one || path.startsWith(`${one}/`));

    const source = await openFileSource(image);
    const { decompressors } = await contributeCodecs();
    const opened = await openFilesystem(squashfsDriver, source, decompressors);
    const ours = await imageTree(opened);
    const kinds: readonly number[] = [FILE_TYPE.file, FILE_TYPE.directory, FILE_TYPE.symlink];
    const expected = [...wanted].filter(([path]) => !isLeftOut(path));
    expect([...ours.keys()].sort()).toEqual(expected.map(([path]) => path).sort());
    const differ = expected.filter(
      ([path, entry]) =>
        kinds.includes(entry.type) && JSON.stringify(ours.get(path)) !== JSON.stringify(entry),
    );
    expect(differ.slice(0, 5).map(([path, entry]) => [path, ours.get(path), entry])).toEqual([]);
    expect(opened.log.list().filter(({ code }) => code !== 'IMGOPT_SQUASHFS_LINK_COUNT')).toEqual([]);
    const said = await runTool('unsquashfs', ['-s', image]);
    expect(opened.filesystem.size).toBe(Number(/Filesystem size (\d+) bytes/.exec(said)![1]));
    await source.close();

    const { code, stdout } = await imgopt(['analyze', image, '--json']);
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.filesystems).toMatchObject([{ type: 'squashfs', mountPoint: '/' }]);
    const dpkg = ['-W', '-f', `\${Package} \${Version}\\n`];
    const listed = await runTool('dpkg-query', [`--admindir=${tree.path}/var/lib/dpkg`, ...dpkg]);
    const packages = report.packages.filter(({ manager }) => manager === 'dpkg');
    expect(packages.map((one) => `${one.name} ${one.version}`).sort()).toEqual(
      listed.trim().split('\n').sort(),
    );
    const bytes = [...ours.values()].reduce((sum, { size }) => sum + size, 0);
    process.stdout.write(
      `${name}: ${ours.size} entries, ${bytes} bytes of content, ${packages.length} packages\n`,
    );
  });
});
