/** Trees that xorriso and genisoimage write, with Rock Ridge, Joliet, both and neither, against isoinfo, 7-Zip and the tree. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { FILE_TYPE } from '../../src/core/file-table.ts';
import { isoDriver } from '../../src/disk/filesystems/iso9660/iso9660.ts';
import { openFileSource } from '../../src/sources/file.ts';
import { readProbe } from '../../src/sources/read.ts';
import { hostTree, imageTree, openFilesystem } from '../support/read-only.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { makeTree, payload } from './ext-images.ts';

const XORRISO = ['xorriso', '-as', 'mkisofs', '-quiet'];
const GENISOIMAGE = ['genisoimage', '-quiet', '-input-charset', 'utf-8'];

const ROCK_RIDGE: Readonly<Record<string, readonly string[]>> = {
  'xorriso, Rock Ridge': [...XORRISO, '-R', '-V', 'A_LABEL'],
  'xorriso, Rock Ridge and Joliet': [...XORRISO, '-R', '-J', '-joliet-long'],
  'xorriso, hard links, stamps of creation too': [...XORRISO, '-R', '--hardlinks', '--for_backup'],
  'genisoimage, Rock Ridge, deep directories relocated': [...GENISOIMAGE, '-R', '-V', 'OTHER'],
  'genisoimage, Rock Ridge and Joliet': [...GENISOIMAGE, '-R', '-J', '-joliet-long', '-cache-inodes'],
};

describeWithTools(['xorriso', 'genisoimage', 'isoinfo', '7zz', 'blkid'], 'ISO 9660 against its tools', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  const image = join(folder, 'image');

  beforeAll(() => {
    makeTree(tree);
    let path = join(tree, 'deeper');
    for (let level = 0; level < 20; level++) {
      mkdirSync(path);
      writeFileSync(join(path, `leaf-${level}`), payload(`d${level}`, 50 * level));
      path = join(path, `level ${level}`);
    }
    const targets = ['/', '/a/b', '../..', './x/.', 'l'.repeat(200), `${'long/'.repeat(30)}end`];
    for (const [i, target] of targets.entries()) symlinkSync(target, join(tree, `to-${i}`));
    // xorriso 1.5.4 crashes on targets that do not fit one entry twice over.
    for (const name of ['link900', 'link300']) rmSync(join(tree, name));
  });

  async function make([tool, ...args]: readonly string[], from = tree): Promise<void> {
    rmSync(image, { force: true });
    await runTool(tool!, [...args, '-o', image, from]);
  }

  it.each(Object.entries(ROCK_RIDGE))('%s', async (name, args) => {
    await make(args);
    const source = await openFileSource(image);
    const opened = await openFilesystem(isoDriver, source);
    const { filesystem, table, log } = opened;
    expect(log.list()).toEqual([]);
    expect(filesystem.features).toContain('Rock Ridge');
    const probe = isoDriver.probe(await readProbe(source))!;
    for (const [tag, ours] of [
      ['TYPE', probe.type],
      ['LABEL', probe.label],
      ['UUID', probe.uuid],
    ] as const) {
      const said = (await runTool('blkid', ['-p', '-s', tag, '-o', 'value', image])).replace(/\n$/, '');
      expect(ours ?? '').toBe(said);
    }
    // genisoimage leaves the folder that it moves deep directories to; both write links of their own count.
    const shown = (entries: ReturnType<typeof hostTree>) =>
      [...entries]
        .filter(([path]) => path !== '/' && path !== '/rr_moved')
        .map(([path, entry]) => [path, { ...entry, links: name.includes('hard links') ? entry.links : 0 }])
        .sort();
    expect(shown(await imageTree(opened))).toEqual(shown(hostTree(tree)));
    // Everything is a file's or structure, and no file's is both.
    let files = 0;
    const metadata = await filesystem.metadataExtents();
    for (let entry = 0; entry < table.count; entry++) {
      if (table.isCounted(entry) && table.type[entry] === FILE_TYPE.file) files += table.allocated[entry]!;
    }
    expect(files + metadata.total).toBe(filesystem.size);
    // isoinfo's own listing of the primary tree: size and first block of each file.
    const listed = await runTool('isoinfo', ['-l', '-R', '-i', image]);
    const big = /^-\S+ +\d+ +\d+ +\d+ +(\d+) .*\[ *(\d+) \S+\] +big *$/m.exec(listed)!;
    const entry = table.child(0, 'big');
    expect(table.size[entry]).toBe(Number(big[1]));
    expect(metadata.contains(Number(big[2]) * 2048)).toBe(false);
    await source.close();
  });

  it.each([
    ['Joliet', ['-J', '-joliet-long']],
    ['neither', []],
  ])('%s alone, against 7-Zip', async (name, args) => {
    const plain = join(folder, 'plain');
    rmSync(plain, { recursive: true, force: true });
    mkdirSync(join(plain, 'SUB'), { recursive: true });
    writeFileSync(join(plain, 'SUB', 'FILE.TXT'), payload('file', 5000));
    writeFileSync(join(plain, name === 'Joliet' ? 'ünïcödé and long.text' : 'OTHER'), payload('o', 70_000));
    await make([...GENISOIMAGE, ...args], plain);
    const source = await openFileSource(image);
    const opened = await openFilesystem(isoDriver, source);
    expect(opened.log.list()).toEqual([]);
    const files = [...(await imageTree(opened))].filter(([, { type }]) => type === FILE_TYPE.file);
    const said = await runTool('7zz', ['l', '-slt', image]);
    const theirs = [...said.matchAll(/^Path = (.*)\nFolder = -\nSize = (\d+)/gm)].map(
      ([, path, size]) => `/${path} ${size}`,
    );
    const ours = files.map(([path, { size }]) => `${Buffer.from(path, 'latin1').toString()} ${size}`);
    expect(ours.sort()).toEqual(theirs.sort());
    const host = hostTree(plain);
    for (const [path, { content, modified }] of files)
      expect({ content, modified }).toEqual({
        content: host.get(path)!.content,
        modified: host.get(path)!.modified,
      });
    await source.close();
  });
});
