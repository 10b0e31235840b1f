import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { FileTableBuilder } from '../../src/core/file-table.ts';
import type { Mount } from '../../src/inspect/mounts.ts';
import { MountedTree } from '../../src/inspect/root-tree.ts';
import { fakeFilesystem, type Tree } from './fake-filesystem.ts';

async function mounted(trees: readonly Tree[], points: readonly (string | null)[] = ['/']) {
  const builder = new FileTableBuilder();
  const filesystems = trees.map((tree) => fakeFilesystem(tree));
  for (const one of filesystems) {
    builder.beginSection();
    await one.scan(builder);
  }
  const table = builder.build();
  const log = new DiagnosticLog();
  const mounts = points.flatMap((mountPoint, section): Mount[] =>
    mountPoint === null ? [] : [{ section, entry: table.sections[section]!.first, mountPoint }],
  );
  const tree = await MountedTree.create(table, filesystems, mounts, new RunContext({ log }));
  const at = (path: string, follow?: boolean) => {
    const entry = tree.lookup(path, follow);
    return entry < 0 ? undefined : tree.pathOf(entry);
  };
  const text = async (path: string) => {
    const bytes = await tree.read(path);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  return { tree, table, at, text, codes: () => log.list().map(({ code, where }) => `${code} at ${where}`) };
}

describe('links, as the guest follows them', () => {
  it('merged /usr: absolute and relative, and links to links', async () => {
    const { at, text } = await mounted([
      {
        '/usr/bin/sh': 'shell',
        '/bin': { link: 'usr/bin' },
        '/sbin': { link: '/usr/bin' },
        '/lib': { link: '/sbin/../lib' },
        '/usr/lib/os-release': 'ID=x',
        '/etc/os-release': { link: '../usr/lib/os-release' },
      },
    ]);
    expect(at('/bin/sh')).toBe('/usr/bin/sh');
    expect(at('/sbin/sh')).toBe('/usr/bin/sh');
    expect(at('/bin')).toBe('/usr/bin');
    expect(at('/bin', false)).toBe('/bin');
    expect(at('/etc/os-release', false)).toBe('/etc/os-release');
    expect(await text('/etc/os-release')).toBe('ID=x');
    expect(at('/lib/os-release')).toBe('/usr/lib/os-release');
    expect(at('//bin/./sh')).toBe('/usr/bin/sh');
    expect(at('/bin/../lib')).toBe('/usr/lib');
  });

  it('cannot leave the root, nor go round in circles', async () => {
    const { at, text } = await mounted([
      {
        '/etc/passwd': 'guest',
        '/up': { link: '../../../../etc/passwd' },
        '/loop': { link: 'loop' },
        '/a': { link: 'b/x' },
        '/b': { link: 'a/x' },
        '/self': { link: '.' },
        '/deep/er': { link: '/self/deep/er' },
        '/empty': { link: '' },
        '/dangling': { link: 'nothing' },
      },
    ]);
    expect(await text('/up')).toBe('guest');
    expect(at('/../../etc/passwd')).toBe('/etc/passwd');
    for (const path of ['/loop', '/a', '/b/c', '/deep/er/x', '/empty/x', '/dangling', '/etc/passwd/x']) {
      expect(at(path), path).toBeUndefined();
      expect(await text(path), path).toBeUndefined();
    }
    expect(at(`${'/self'.repeat(30)}/etc`)).toBe('/etc');
    // Linux: ELOOP after 40 links in one path.
    expect(at(`${'/self'.repeat(41)}/etc`)).toBeUndefined();
  });

  it('finds files behind links deep in the tree, which are only loaded when needed', async () => {
    const { tree, text } = await mounted([
      {
        '/usr/share/a/b/c/link': { link: '../real' },
        '/usr/share/a/b/real/file': 'content',
        '/usr/share/a/b/again': { link: 'c/link/file' },
      },
    ]);
    expect(tree.lookup('/usr/share/a/b/c/link/file')).toBe(-1);
    expect(await text('/usr/share/a/b/c/link/file')).toBe('content');
    expect(await text('/usr/share/a/b/again')).toBe('content');
    expect(tree.lookup('/usr/share/a/b/c/link/file')).toBeGreaterThan(0);
  });
});

describe('mounts', () => {
  const root: Tree = {
    '/boot/hidden': 'below the mount',
    '/etc/fstab': '',
    '/link-to-boot': { link: 'boot/grub' },
    '/mnt': { link: 'srv' },
    '/srv/data': null,
  };
  const boot: Tree = { '/grub/grub.cfg': 'menu', '/efi': null, '/up': { link: '../etc' } };
  const efi: Tree = { '/EFI/BOOT.EFI': 'loader' };

  it('enter what is mounted, hide what is below it, and name both by their place', async () => {
    const { tree, table, at, text } = await mounted([root, boot, efi], ['/', '/boot', '/boot/efi']);
    expect(at('/boot/grub/grub.cfg')).toBe('/boot/grub/grub.cfg');
    expect(at('/boot/hidden')).toBeUndefined();
    expect(at('/boot')).toBe('/boot');
    expect(table.sectionOf(tree.lookup('/boot'))).toBe(1);
    expect(await text('/boot/efi/EFI/BOOT.EFI')).toBe('loader');
    expect(await text('/link-to-boot/grub.cfg')).toBe('menu');
    expect(at('/boot/efi/../..')).toBe('/');
    expect(at('/boot/up/fstab')).toBe('/etc/fstab');
    expect(tree.list('/boot').map(({ name, entry }) => `${name} ${tree.pathOf(entry)}`)).toEqual([
      'efi /boot/efi',
      'grub /boot/grub',
      'up /boot/up',
    ]);
    expect(table.sectionOf(tree.list('/boot')[0]!.entry)).toBe(2);
    expect(tree.child(tree.lookup('/'), 'boot')).toBe(tree.lookup('/boot'));
    // What is hidden still has a path in the report.
    const hidden = table.child(table.child(0, 'boot'), 'hidden');
    expect(tree.pathOf(hidden)).toBe('/boot/hidden');
  });

  it('go through links, and survive a place that is not there', async () => {
    const { at, tree, table } = await mounted([root, boot, efi], ['/', '/mnt/data', '/no/where']);
    expect(at('/srv/data/grub')).toBe('/mnt/data/grub');
    expect(at('/no/where')).toBeUndefined();
    expect(tree.pathOf(table.child(table.sections[2]!.first, 'EFI'))).toBe('/no/where/EFI');
  });

  it('leave an unmounted filesystem its own paths', async () => {
    const { tree, table } = await mounted([root, boot], ['/', null]);
    expect(tree.pathOf(table.child(table.sections[1]!.first, 'grub'))).toBe('/grub');
  });
});

describe('contents', () => {
  it('of many files come in the order that was asked for; a broken one costs itself only', async () => {
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`/d/${i}`, `content ${i}`]));
    const { tree, codes } = await mounted([{ ...files, '/d/x': { broken: true }, '/dir/y': null }]);
    const paths = ['/d/49', '/d/x', '/d/0', '/dir', '/nothing', '/d/7'];
    const contents = await tree.readMany(paths);
    expect(contents.map((bytes) => (bytes === undefined ? null : new TextDecoder().decode(bytes)))).toEqual([
      'content 49',
      null,
      'content 0',
      null,
      null,
      'content 7',
    ]);
    expect(codes()).toEqual(['IMGOPT_FAKE_BROKEN at /d/x']);
    await expect(tree.read('/d/x')).rejects.toMatchObject({
      code: 'IMGOPT_FAKE_BROKEN',
      where: ['/d/x', expect.anything()],
    });
  });

  it('are refused where they are larger than any database, before memory is asked for', async () => {
    const { tree } = await mounted([
      {
        '/huge': { sparse: 300 * 2 ** 20 },
        '/a': { sparse: 200 * 2 ** 20 },
        '/b': { sparse: 200 * 2 ** 20 },
      },
    ]);
    await expect(tree.read('/huge')).rejects.toMatchObject({ code: 'IMGOPT_GUEST_FILE_TOO_LARGE' });
    await expect(tree.readMany(['/a', '/b'])).rejects.toMatchObject({ code: 'IMGOPT_GUEST_FILES_TOO_LARGE' });
  });

  it('that are broken are told of once, however often they are asked for', async () => {
    const { tree, codes } = await mounted([{ '/x': { broken: true } }]);
    await tree.readMany(['/x']);
    await tree.readMany(['/x']);
    expect(codes()).toEqual(['IMGOPT_FAKE_BROKEN at /x']);
  });
});
