/** Root filesystems in tar, in every dialect that GNU tar, bsdtar and Python write, against Python's tarfile. */
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { listing, open, pythonListing } from '../support/archives.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const LONG = 'a-name-that-does-not-fit-into-the-hundred-bytes-of-a-header-'.repeat(3).slice(0, 150);
const FORMATS = ['v7', 'oldgnu', 'gnu', 'ustar', 'posix'];

describeWithTools(['tar', 'bsdtar', 'python3'], 'tar archives', () => {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  const at = (name: string): string => join(folder, name);

  beforeAll(() => {
    for (const name of ['etc', 'usr/bin', 'usr/share/doc', 'var/empty'])
      mkdirSync(join(tree, name), { recursive: true });
    const put = (name: string, content: string | Buffer): void => writeFileSync(join(tree, name), content);
    put('etc/fstab', 'LABEL=root / ext4 defaults 0 1\n');
    put('etc/os-release', 'ID=debian\n');
    put('usr/bin/program', Buffer.alloc(70_000, 'program '));
    put('usr/share/doc/umlaut-ä', 'ä');
    put('usr/share/doc/empty', '');
    for (let i = 0; i < 300; i++) put(`usr/share/doc/${i}`, 'x'.repeat(i * 7));
    linkSync(join(tree, 'usr/bin/program'), join(tree, 'usr/bin/same'));
    symlinkSync('usr/bin', join(tree, 'bin'));
    put('var/sparse', '');
    truncateSync(join(tree, 'var/sparse'), 40 * 2 ** 20);
    const file = openSync(join(tree, 'var/sparse'), 'r+');
    // More stretches than the four of a header and the 21 of one block behind it.
    for (let i = 0; i < 60; i++) writeSync(file, `stretch ${i}`.padEnd(4096, '.'), i * 512 * 1024 + 65536);
    closeSync(file);
  });

  const makeLong = (): void => {
    mkdirSync(join(tree, 'long', LONG), { recursive: true });
    writeFileSync(join(tree, 'long', LONG, LONG), 'long');
    symlinkSync(`/${LONG}/${LONG}`, join(tree, 'long', 'link'));
  };

  it.each(FORMATS)('GNU tar, %s', async (format) => {
    if (format === 'gnu') makeLong(); // the formats before it cannot write such names
    const path = at(`${format}.tar`);
    // GNU tar ends with 2 where a name does not fit, which ustar's may not.
    const exclude = format === 'ustar' ? ['--exclude=./long'] : [];
    await runTool('tar', ['-C', tree, `--format=${format}`, '--sort=name', ...exclude, '-cf', path, '.']);
    expect(await listing(path)).toEqual(await pythonListing(path));
  });

  it.each([
    ['gnu', []],
    ['posix', ['--sparse-version=0.0']],
    ['posix', ['--sparse-version=0.1']],
    ['posix', ['--sparse-version=1.0']],
  ] as const)('sparse files, %s %s', async (format, options) => {
    const path = at(`sparse-${format}-${options.join('')}.tar`);
    await runTool('tar', ['-C', tree, `--format=${format}`, ...options, '-S', '-cf', path, '.']);
    const ours = await listing(path);
    expect(ours).toEqual(await pythonListing(path));
    expect(ours['/var/sparse']![1]).toBe(40 * 2 ** 20);
    expect(readFileSync(path).length).toBeLessThan(3 * 2 ** 20);
  });

  it.each(['pax', 'ustar', 'gnutar'])('bsdtar, %s', async (format) => {
    const path = at(`bsd-${format}.tar`);
    const exclude = format === 'ustar' ? ['--exclude', './long'] : [];
    await runTool('bsdtar', ['-C', tree, `--format=${format}`, ...exclude, '-cf', path, '.']);
    expect(await listing(path)).toEqual(await pythonListing(path));
  });

  it('owners and times beyond octal, devices, members that replace earlier ones', async () => {
    const path = at('python.tar');
    const make = `
import io, sys, tarfile
for form, name in ((tarfile.GNU_FORMAT, 'gnu'), (tarfile.PAX_FORMAT, 'pax')):
    with tarfile.open(f'{sys.argv[1]}.{name}', 'w', format=form, encoding='utf-8', errors='surrogateescape') as t:
        def add(n, content=None, **fields):
            info = tarfile.TarInfo(n)
            for key, value in fields.items(): setattr(info, key, value)
            if content is not None: info.size = len(content)
            t.addfile(info, None if content is None else io.BytesIO(content))
        add('etc', type=tarfile.DIRTYPE, mode=0o1777)
        add('etc/fstab', b'first', uid=3000000, gid=2**31 + 5, mtime=2**35)
        add('etc/fstab', b'second and longer', uid=7)
        add('etc/old', b'old', mtime=-86400)
        add('dev/sda', type=tarfile.BLKTYPE, devmajor=8, devminor=0, mode=0o660)
        add('dev/null', type=tarfile.CHRTYPE, devmajor=1, devminor=3)
        add('run/pipe', type=tarfile.FIFOTYPE)
        add('usr/' + 'b' * 90 + '/' + 'c' * 90, b'deep')
`;
    await runTool('python3', ['-c', make, path]);
    for (const name of ['gnu', 'pax']) {
      const ours = await listing(`${path}.${name}`);
      const theirs = await pythonListing(`${path}.${name}`);
      // Folders that no member announces are there all the same.
      for (const [key, row] of Object.entries(theirs)) expect([key, ours[key]]).toEqual([key, row]);
      const inspection = await open(`${path}.${name}`);
      // The first fstab is still shipped: 5 bytes in a block.
      expect(inspection.filesystems[0]!.unusedBytes).toBe(512);
      await inspection.close();
    }
  });

  it.each(['gz', 'zst'])('compressed with %s tells the same', async (suffix) => {
    const path = at(`whole.tar.${suffix}`);
    const program = suffix === 'gz' ? 'gzip' : 'zstd';
    await runTool('tar', ['-C', tree, '-S', `--use-compress-program=${program}`, '-cf', path, '.']);
    await runTool('tar', ['-C', tree, '-S', '-cf', at('whole.tar'), '.']);
    expect(await listing(path)).toEqual(await pythonListing(at('whole.tar')));
  });

  it('balances its books to the byte', async () => {
    await runTool('tar', ['-C', tree, '-S', '-cf', at('books.tar'), '.']);
    const inspection = await open(at('books.tar'));
    const report = await createReport(inspection, { version: '0', top: 0 });
    await inspection.close();
    const { files, metadata, stale, unread, other } = report.books;
    expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
      report.artifact.allocated,
    );
    expect(report.artifact.format).toBe('tar');
    expect(report.os?.id).toBe('debian');
    // What the files occupy is what du's apparent sizes are, in blocks of 512, without the holes.
    expect(report.filesystems[0]!.mountPoint).toBe('/');
  });
});
