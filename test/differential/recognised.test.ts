/** Volumes made by their own tools, recognised by us and by blkid. The committed fixtures hold the rarer kinds. */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { btrfsDriver } from '../../src/disk/filesystems/btrfs/btrfs.ts';
import { erofsDriver } from '../../src/disk/filesystems/erofs/erofs.ts';
import { fatDriver } from '../../src/disk/filesystems/fat/fat.ts';
import { isoDriver } from '../../src/disk/filesystems/iso9660/iso9660.ts';
import { ntfsDriver } from '../../src/disk/filesystems/ntfs/ntfs.ts';
import { recognisedDrivers } from '../../src/disk/filesystems/recognised/recognised.ts';
import { squashfsDriver } from '../../src/disk/filesystems/squashfs/squashfs.ts';
import { xfsDriver } from '../../src/disk/filesystems/xfs/xfs.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const folder = temporaryFolder();
mkdirSync(join(folder, 'tree'));
writeFileSync(join(folder, 'tree', 'file'), 'hello\n');

function blank(name: string, mebibytes: number): string {
  const path = join(folder, name);
  writeFileSync(path, '');
  truncateSync(path, mebibytes << 20);
  return path;
}

async function sameAsBlkid(path: string): Promise<void> {
  const source = await openFileSource(path);
  const input = await readProbe(source);
  await source.close();
  const found = [
    ...recognisedDrivers,
    btrfsDriver,
    fatDriver,
    isoDriver,
    squashfsDriver,
    erofsDriver,
    ntfsDriver,
    xfsDriver,
  ].flatMap((driver) => driver.probe(input) ?? []);
  const tag = async (name: string): Promise<string | null> =>
    (await runTool('blkid', ['-p', '-s', name, '-o', 'value', path])).replace(/\n$/, '') || null;
  expect(found.map(({ type, label, uuid }) => ({ type, label, uuid }))).toEqual([
    { type: await tag('TYPE'), label: await tag('LABEL'), uuid: await tag('UUID') },
  ]);
}

/** The tool, its arguments before the file, and the file's size in MiB (undefined: the tool makes it). */
const MAKERS: [string, string[], number][] = [
  ['mkfs.xfs', ['-q', '-L', 'a label'], 300],
  ['mkfs.btrfs', ['-q', '-L', 'größer'], 128],
  ['mkfs.f2fs', ['-q', '-l', 'größer 😀'], 64],
  ['mkntfs', ['-q', '-F', '-Q', '-L', 'größer 😀'], 20],
  ['mkswap', ['-q', '-L', 'swap space'], 8],
  ['mkfs.vfat', ['-n', 'SMALL'], 2],
  ['mkfs.vfat', ['-F', '32', '-S', '4096'], 600],
];

for (const [tool, args, size] of MAKERS) {
  describeWithTools([tool, 'blkid'], `${tool} ${args.join(' ')}`, () => {
    test('is what blkid says', async () => {
      const path = blank(`${tool}-${size}`, size);
      await runTool(tool, [...args, path]);
      await sameAsBlkid(path);
    });
  });
}

describeWithTools(['mksquashfs', 'mkfs.erofs', 'xorriso', 'blkid'], 'images of a folder', () => {
  test('are what blkid says', async () => {
    const tree = join(folder, 'tree');
    const path = (name: string): string => join(folder, name);
    await runTool('mksquashfs', [tree, path('squashfs'), '-quiet', '-no-progress']);
    await runTool('mkfs.erofs', [path('erofs'), tree]);
    await runTool('xorriso', [
      '-as',
      'mkisofs',
      '-quiet',
      '-V',
      'DEBIAN',
      '-J',
      '-r',
      '-o',
      path('iso'),
      tree,
    ]);
    for (const name of ['squashfs', 'erofs', 'iso']) await sameAsBlkid(path(name));
  });
});

describeWithTools(['cryptsetup', 'blkid'], 'LUKS', () => {
  test.each(['luks1', 'luks2'])('%s is what blkid says', async (type) => {
    const path = blank(type, 20);
    const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    const format = ['luksFormat', '-q', '--type', type, ...quick];
    runToolSync(
      'cryptsetup',
      [...format, ...(type === 'luks2' ? ['--label', 'secret'] : []), path, '-'],
      Buffer.from('x'),
    );
    await sameAsBlkid(path);
  });
});
