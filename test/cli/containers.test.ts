/** Containers on the command line: exit codes, and what is left behind when something goes wrong. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { imgopt, ROOT } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { hashOf } from '../support/optimize.ts';
import { end, member } from '../support/tar-made.ts';
import { temporaryFolder } from '../support/temp.ts';

const RUN = join(ROOT, 'bin', 'run.js');
const OVA = fixturePath('containers/machine.ova');
const root = temporaryFolder();
let folder: string;
let count = 0;

/** A libvirt box around the fixture's image, for work that takes seconds. */
const box = join(root, 'slow.box');
beforeAll(() => {
  const image = readFileSync(join(ROOT, 'test/fixtures/debian-mini/debian-mini.qcow2'), 'latin1');
  const metadata = member(
    { name: 'metadata.json' },
    '{"provider":"libvirt","format":"qcow2","virtual_size":1}',
  );
  writeFileSync(box, Buffer.concat([metadata, member({ name: 'box.img' }, image), end()]));
});
beforeEach(() => {
  folder = join(root, String(count++));
  mkdirSync(folder);
  copyFileSync(OVA, join(folder, 'in.ova'));
});

function expectFiles(...more: string[]): void {
  expect(readdirSync(folder).sort()).toEqual(['in.ova', ...more].sort());
  expect(hashOf(join(folder, 'in.ova'))).toBe(hashOf(OVA));
}

describe('analyze', () => {
  test('shows the disks as one machine', async () => {
    const { code, stdout, stderr } = await imgopt(['analyze', 'in.ova', '--verify'], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^in\.ova: ova, /m);
    expect(stdout).toMatch(/^disk2 +ext4 +\/data /m);
    expect(stdout).toMatch(/^Disks$/m);
    expect(stdout).toMatch(/^ *2 .* 2\.0 MiB +vmdk +data\.vmdk$/m);
  });

  test('shows what layers waste', async () => {
    const { code, stdout } = await imgopt(['analyze', fixturePath('containers/image.tar')], { cwd: folder });
    expect(code).toBe(0);
    // seq 1 5000 is 23,893 bytes and seq 1 700 is 2,692, as wc -c says: both are gone, or replaced, in the second layer.
    expect(stdout).toMatch(/^Layers +26\.0 KiB wasted/m);
    expect(stdout).toMatch(/^23\.3 KiB +1 +var\/cache\/pkgcache$/m);
  });

  test('a digest that is wrong is exit 3, and only with --verify', async () => {
    const bytes = readFileSync(OVA);
    const at = bytes.indexOf('SHA256(root.vmdk)= ') + 19;
    bytes[at] = bytes[at] === 0x61 ? 0x62 : 0x61;
    writeFileSync(join(folder, 'bad.ova'), bytes);
    expect((await imgopt(['analyze', 'bad.ova'], { cwd: folder })).code).toBe(0);
    const { code, stdout } = await imgopt(['analyze', 'bad.ova', '--verify'], { cwd: folder });
    expect(code).toBe(3);
    expect(stdout).toContain('IMGOPT_DIGEST_MISMATCH');
  });

  test.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, 20_000), 'IMGOPT_TAR_TRUNCATED'],
    [
      'with a broken header',
      (bytes: Buffer) => Buffer.from(bytes).fill(0x41, 1536 + 4, 1536 + 8),
      'IMGOPT_TAR_HEADER',
    ],
  ])('an archive %s is one line and exit 3', async (_, damage, expected) => {
    writeFileSync(join(folder, 'bad.ova'), damage(readFileSync(OVA)));
    const { code, stderr } = await imgopt(['analyze', 'bad.ova'], { cwd: folder });
    expect(code).toBe(3);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).toContain(expected);
  });
});

describe('optimize', () => {
  test('writes the container again, and streams the same bytes', async () => {
    const { code, stdout } = await imgopt(['optimize', 'in.ova', '-o', 'out.ova'], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^after .*ova vmdk streamOptimized zlib/m);
    expect(stdout).toContain('files alike');
    const child = spawn(
      'sh',
      ['-c', `"${process.execPath}" "${RUN}" optimize in.ova -o - --quiet > piped.ova`],
      {
        cwd: folder,
      },
    );
    expect(await once(child, 'close')).toEqual([0, null]);
    expectFiles('out.ova', 'piped.ova');
    expect(hashOf(join(folder, 'piped.ova'))).toBe(hashOf(join(folder, 'out.ova')));
  });

  const REFUSED: [string, string[], number, string][] = [
    ['an output that is the input', ['in.ova', '-o', 'in.ova', '--force'], 2, 'IMGOPT_OUTPUT_IS_INPUT'],
    ['one image of two disks', ['in.ova', '-o', 'o', '--to', 'qcow2'], 2, 'IMGOPT_SEVERAL_DISKS'],
    ['a backing file', ['in.ova', '-o', 'o', '--keep-backing'], 2, 'IMGOPT_NO_BACKING'],
    ['another variant than there is', ['in.ova', '-o', 'o', '--subformat', 'x'], 2, 'IMGOPT_NO_SUBFORMAT'],
    ['a folder that is not there', ['in.ova', '-o', 'nowhere/o'], 4, 'IMGOPT_ENOENT'],
    ['an archive of files', [fixturePath('containers/rootfs.tar'), '-o', 'o'], 2, 'IMGOPT_NO_DISK_IMAGE'],
    [
      'files as a disk',
      [fixturePath('containers/image.tar'), '-o', 'o', '--to', 'raw'],
      2,
      'IMGOPT_NO_DISK_IMAGE',
    ],
  ];
  test.each(REFUSED)('refuses %s', async (_, args, exit, expected) => {
    const { code, stderr } = await imgopt(['optimize', ...args], { cwd: folder });
    expect(stderr).toContain(expected);
    expect(code).toBe(exit);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expectFiles();
  });

  test('leaves an output that exists alone without --force', async () => {
    writeFileSync(join(folder, 'out.ova'), 'mine');
    const { code } = await imgopt(['optimize', 'in.ova', '-o', 'out.ova'], { cwd: folder });
    expect(code).toBe(4);
    expect(readFileSync(join(folder, 'out.ova'), 'utf8')).toBe('mine');
  });

  test('a truncated archive is exit 3 and no output', async () => {
    copyFileSync(OVA, join(folder, 'cut.ova'));
    truncateSync(join(folder, 'cut.ova'), 30_000);
    const { code } = await imgopt(['optimize', 'cut.ova', '-o', 'out.ova'], { cwd: folder });
    expect(code).toBe(3);
    expectFiles('cut.ova');
  });

  /** Starts work that takes seconds, and waits until its temporaries are there. */
  async function busy(): Promise<ReturnType<typeof spawn>> {
    const args = ['optimize', box, '-o', 'out.box', '--compress', 'zstd', '--level', '22', '--threads', '1'];
    const child = spawn(process.execPath, [RUN, ...args], { cwd: folder, stdio: 'ignore' });
    while (child.exitCode === null && readdirSync(folder).filter((name) => name.startsWith('.')).length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return child;
  }

  test.each(['SIGINT', 'SIGTERM'] as const)('%s leaves nothing behind and exits with 130', async (signal) => {
    const child = await busy();
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([130, null]);
    expectFiles();
  });

  test('after kill -9 there is no file under the final name', async () => {
    const child = await busy();
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(existsSync(join(folder, 'out.box'))).toBe(false);
  });
});
