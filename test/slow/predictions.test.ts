/**
 * Predictions come true: a Debian system with what careless builds leave in it is analysed as an image, the script
 * that `--emit shell` writes runs in it, and the bytes that this frees are counted by ext4 itself.
 * Needs root (chroot) and the network, or IMGOPT_DEBIAN_TREE: a Debian root folder that is copied first.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { applyScript, run, withoutTrimming } from '../support/guest-root.ts';
import { describeWithTools } from '../support/tools.ts';

const INCLUDE =
  'build-essential,python3,python3-pip,git,vim,vim-tiny,openssh-server,man-db,reportbug,locales';

/** A package of our own, built and installed in the guest. */
function install(tree: string, name: string, files: Record<string, number | string>, control = ''): void {
  const folder = join(tree, 'build', name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'number' ? Buffer.alloc(content, name) : content);
  }
  mkdirSync(join(folder, 'DEBIAN'), { recursive: true });
  writeFileSync(
    join(folder, 'DEBIAN/control'),
    `Package: ${name}\nVersion: 1.0\nArchitecture: amd64\nMaintainer: x <x@example.org>\nDescription: x\n${control}`,
  );
  const conffiles = Object.keys(files).filter((path) => path.startsWith('/etc/'));
  writeFileSync(join(folder, 'DEBIAN/conffiles'), conffiles.map((path) => `${path}\n`).join(''));
  run('chroot', tree, 'dpkg-deb', '-b', `/build/${name}`, `/build/${name}.deb`);
  run('chroot', tree, 'dpkg', '-i', `/build/${name}.deb`);
  rmSync(join(tree, 'build'), { recursive: true });
}

/** What careless builds leave. */
function spoil(tree: string): void {
  const write = (path: string, size: number): void => {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    writeFileSync(join(tree, path), Buffer.alloc(size, 'x'));
  };
  for (let i = 0; i < 40; i++) write(`/var/cache/apt/archives/thing-${i}_1.0_amd64.deb`, 700_000 + i * 1111);
  // apt reads indexes of packages, and refuses to work with nonsense; those of contents are as large.
  write('/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_main_Contents-amd64.lz4', 47_000_000);
  write('/var/cache/apt/pkgcache.bin', 21_000_000);
  write('/var/log/syslog', 3_000_000);
  write('/var/log/syslog.1', 5_000_000);
  write('/var/log/apt/term.log.1.gz', 90_000);
  write('/var/log/journal/0123456789abcdef0123456789abcdef/system.journal', 16_777_216);
  write('/tmp/packer-script.sh', 300);
  write('/var/tmp/build/thing.o', 9_000_000);
  write('/root/.cache/pip/http-v2/a/b/c', 5_000_000);
  write('/root/.npm/_cacache/content-v2/x', 800_000);
  write('/var/lib/systemd/coredump/core.cc1.0.zst', 7_000_000);
  write('/root/go1.22.1.linux-amd64.tar.gz', 12_000_000);
  write('/root/VBoxGuestAdditions_7.0.6.iso', 20_000_000);
  write('/opt/app/.git/objects/pack/p.pack', 4_000_000);
  writeFileSync(join(tree, 'etc/fstab'), '/dev/vda1 / ext4 defaults 0 1\n/swap.img none swap sw 0 0\n');
  write('/swap.img', 64_000_000);
  const kernel = (version: string): Record<string, number> => ({
    [`/boot/vmlinuz-${version}`]: 7_900_000,
    [`/boot/config-${version}`]: 250_000,
    [`/boot/System.map-${version}`]: 83,
    [`/lib/modules/${version}/kernel/fs/ext4.ko`]: 1_200_000,
  });
  for (const version of ['6.1.0-10-amd64', '6.1.0-900-amd64']) {
    // The guest's /lib is a link, which dpkg keeps; the package's files go through it.
    install(tree, `linux-image-${version}`, kernel(version));
    write(`/boot/initrd.img-${version}`, 22_000_000);
  }
  rmSync(join(tree, 'boot/initrd.img-6.1.0-10-amd64'));
  install(tree, 'imgopt-leftover', { '/etc/imgopt-leftover.conf': 'x\n', '/usr/share/imgopt/x': 5000 });
  run('chroot', tree, 'dpkg', '-r', 'imgopt-leftover');
  install(tree, 'imgopt-library', { '/usr/lib/imgopt/library.so': 3_000_000 });
  run('chroot', tree, 'apt-mark', 'auto', 'imgopt-library');
}

describeWithTools(['mke2fs', 'dumpe2fs', 'chroot', 'shellcheck'], 'predictions: Debian', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-predictions-'));
  const tree = join(folder, 'tree');

  beforeAll(() => {
    const source = process.env.IMGOPT_DEBIAN_TREE;
    if (source !== undefined && existsSync(source)) run('cp', '-a', source, tree);
    else run('mmdebstrap', '--variant=apt', `--include=${INCLUDE}`, 'bookworm', tree);
    withoutTrimming(tree);
    spoil(tree);
  }, 1_800_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function expectSound(): void {
    expect(run('chroot', tree, 'dpkg', '--audit')).toBe('');
    run('chroot', tree, 'apt-get', 'check');
    for (const path of ['usr/sbin/sshd', 'usr/bin/apt-get', 'usr/bin/dpkg', 'usr/share/doc/bash/copyright']) {
      expect(existsSync(join(tree, path)), path).toBe(true);
    }
    for (const path of ['vmlinuz', 'initrd.img']) {
      expect(existsSync(join(tree, `boot/${path}-6.1.0-900-amd64`)), path).toBe(true);
    }
  }

  for (const safety of ['safe', 'review', 'risky'] as const) {
    it(`frees what it says, at safety ${safety}`, async () => {
      const { predicted, freed, text } = await applyScript(tree, folder, '4G', safety);
      console.log(text);
      expect(Math.abs(freed - predicted)).toBeLessThan(predicted * 0.05);
      expectSound();
    });
  }
});
