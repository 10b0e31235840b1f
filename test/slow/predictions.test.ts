/**
 * Predictions come true: a Debian system with what careless builds leave in it, and a root that rpm installed, are
 * analysed as images, the script that `--emit shell` writes runs in them, and the bytes that this frees are counted
 * by ext4 itself. (File rules in a root of busybox alone: test/differential/emit.test.ts.)
 * Needs root (chroot); for Debian the network, or IMGOPT_DEBIAN_TREE: a Debian root folder that is copied first.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  applyScript,
  copyProgram,
  makeBusyboxRoot,
  run,
  withoutTrimming,
  write,
} from '../support/guest-root.ts';
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

/** A package as rpmbuild makes it: files with their sizes, and lines for the spec's head. */
interface Spec {
  readonly name: string;
  readonly version?: string;
  readonly release?: string;
  readonly files: Readonly<Record<string, number>>;
  readonly head?: readonly string[];
  /** Listed with all that is below them. */
  readonly folders?: readonly string[];
  /** Sections after the files. */
  readonly tail?: readonly string[];
}

const KERNELS = ['6.8.5-301.fc40', '6.8.9-300.fc40'];
const kernel = (release: string): Spec => {
  const full = `${release}.x86_64`;
  const [version, rest] = release.split('-');
  return {
    name: 'kernel-core',
    version: version!,
    release: rest!,
    files: {
      [`/boot/vmlinuz-${full}`]: 14_000_000,
      [`/boot/config-${full}`]: 270_000,
      [`/boot/System.map-${full}`]: 9_000_000,
      [`/lib/modules/${full}/vmlinuz`]: 14_000_000,
      ...Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [`/lib/modules/${full}/kernel/m${i}.ko.xz`, 100_000 + i]),
      ),
    },
    head: ['Provides: installonlypkg(kernel)'],
    folders: [`/lib/modules/${full}`],
    // What kernel-install and dracut do when a kernel leaves.
    tail: ['%preun', `rm -f /boot/initramfs-${full}.img`],
  };
};

const SPECS: readonly Spec[] = [
  { name: 'filesystem', files: { '/etc/filesystem.conf': 500 }, head: ['Provides: /bin/sh'] },
  ...KERNELS.map(kernel),
  {
    name: 'kernel-devel',
    version: '6.8.9',
    release: '300.fc40',
    files: {
      '/usr/src/kernels/6.8.9-300.fc40.x86_64/Makefile': 900_000,
      '/usr/src/kernels/6.8.9-300.fc40.x86_64/include/a.h': 5_000_000,
    },
    folders: ['/usr/src/kernels/6.8.9-300.fc40.x86_64'],
  },
  {
    name: 'gcc',
    files: {
      '/usr/bin/gcc': 6_000_000,
      '/usr/libexec/gcc/x86_64-redhat-linux/14/cc1': 30_000_000,
      '/usr/share/doc/gcc/README': 90_000,
    },
    head: ['Requires: binutils', 'Requires: libmpc'],
  },
  { name: 'binutils', files: { '/usr/bin/ld': 7_000_000 } },
  { name: 'libmpc', files: { '/usr/lib64/libmpc.so.3': 400_000 } },
  { name: 'zlib', files: { '/usr/lib64/libz.so.1': 110_000 } },
  {
    name: 'zlib-devel',
    files: { '/usr/include/zlib.h': 97_000, '/usr/lib64/libz.a': 2_500_000 },
    head: ['Requires: zlib'],
  },
  {
    name: 'server',
    files: {
      '/usr/sbin/server': 3_000_000,
      '/etc/server.conf': 900,
      '/usr/share/doc/server/manual.html': 700_000,
      '/usr/share/licenses/server/LICENSE': 1000,
      '/usr/share/man/man8/server.8.gz': 30_000,
      '/usr/share/locale/de/LC_MESSAGES/server.mo': 60_000,
      '/usr/lib/python3.12/__pycache__/server.cpython-312.pyc': 70_000,
    },
    head: ['Requires: zlib'],
  },
  { name: 'vim-minimal', files: { '/usr/bin/vi': 1_200_000 } },
  { name: 'leftover-library', files: { '/usr/lib64/libleftover.so.1': 4_000_000 } },
  { name: 'linux-firmware', files: { '/usr/lib/firmware/vendor/a.bin': 20_000_000 } },
  { name: 'qemu-guest-agent', files: { '/usr/bin/qemu-ga': 900_000 } },
  { name: 'git', files: { '/usr/libexec/git-core/git': 4_000_000 } },
  {
    name: 'vim-enhanced',
    files: { '/usr/bin/vim': 4_000_000, '/usr/share/vim/vim91/syntax/a.vim': 9_000_000 },
  },
  { name: 'glibc-langpack-de', files: { '/usr/lib/locale/de_DE.utf8/LC_COLLATE': 2_500_000 } },
];

function specText(spec: Spec): string {
  const { name, version = '1.0', release = '1', files, head = [], folders = [], tail = [] } = spec;
  const paths = Object.entries(files);
  const single = paths.filter(([path]) => !folders.some((folder) => path.startsWith(`${folder}/`)));
  return [
    `Name: ${name}`,
    `Version: ${version}`,
    `Release: ${release}`,
    `Summary: ${name}`,
    'License: MIT',
    'AutoReqProv: no',
    ...head,
    '%description',
    name,
    '%install',
    ...paths.flatMap(([path, size]) => [
      `mkdir -p "%{buildroot}$(dirname ${path})"`,
      `head -c ${size} /dev/urandom >"%{buildroot}${path}"`,
    ]),
    '%files',
    ...folders,
    ...single.map(([path]) => (path.startsWith('/usr/share/doc/') ? `%doc ${path}` : path)),
    ...tail,
    '',
  ].join('\n');
}

describeWithTools(
  ['mke2fs', 'dumpe2fs', 'chroot', 'shellcheck', 'rpm', 'rpmbuild', 'busybox', 'ldd'],
  'predictions: rpm',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'imgopt-predictions-'));
    const tree = join(folder, 'tree');
    const DATABASE = '/usr/lib/sysimage/rpm';
    const onRoot = (...args: string[]): string =>
      run(
        'rpm',
        '--root',
        tree,
        '--define',
        `_dbpath ${DATABASE}`,
        '--define',
        '_db_backend sqlite',
        ...args,
      );

    beforeAll(() => {
      makeBusyboxRoot(tree);
      const build = join(folder, 'build');
      mkdirSync(build);
      for (const [index, spec] of SPECS.entries()) {
        const path = join(build, `${index}.spec`);
        writeFileSync(path, specText(spec));
        run(
          'rpmbuild',
          ...[
            '-bb',
            '--quiet',
            '--target',
            'x86_64',
            '--define',
            `_topdir ${build}`,
            '--define',
            '_buildhost localhost',
          ],
          ...[
            '--define',
            '_binary_payload w1.gzdio',
            '--define',
            '__os_install_post %{nil}',
            '--define',
            'debug_package %{nil}',
          ],
          path,
        );
      }
      const packages = run('find', build, '-name', '*.rpm').trim().split('\n');
      onRoot('-i', '--nosignature', '--ignorearch', '--force-debian', ...packages);
      rmSync(build, { recursive: true });

      // rpm for the script, where the guest would have it.
      copyProgram(tree, 'rpm');
      run('cp', '-a', '/usr/lib/rpm', join(tree, 'usr/lib/'));
      write(tree, '/etc/rpm/macros', `%_dbpath ${DATABASE}\n%_db_backend sqlite\n`);
      write(tree, '/etc/os-release', 'ID=fedora\nVERSION_ID=40\n');
      write(tree, '/etc/fstab', '/dev/vda1 / ext4 defaults 0 1\n');
      const automatic = ['binutils', 'libmpc', 'zlib', 'leftover-library'];
      write(
        tree,
        '/usr/lib/sysimage/libdnf5/packages.toml',
        `version = "1.0"\n[packages]\n${automatic.map((name) => `"${name}.x86_64" = {reason = "Dependency"}\n`).join('')}`,
      );
      for (const release of KERNELS) write(tree, `/boot/initramfs-${release}.x86_64.img`, 30_000_000);
      write(tree, '/boot/vmlinuz-0-rescue-0123', 14_000_000);
      write(tree, '/boot/initramfs-0-rescue-0123.img', 60_000_000);
      write(tree, '/var/cache/libdnf5/fedora-0123/solv/fedora.solv', 25_000_000);
      write(tree, '/var/lib/rpm/__db.001', 300_000);
      write(tree, '/var/log/dnf5.log', 900_000);
      write(tree, '/var/log/messages-20240102', 4_000_000);
      write(tree, '/tmp/packer-script.sh', 300);
      write(tree, '/root/anaconda-ks.cfg', 2000);
      write(tree, '/usr/lib/python3.12/__pycache__/mine.cpython-312.pyc', 90_000);
    }, 600_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** What rpm finds wrong, but for what was removed on purpose. */
    function problems(): string[] {
      const args = [
        '--root',
        tree,
        '--define',
        `_dbpath ${DATABASE}`,
        '--define',
        '_db_backend sqlite',
        '-Va',
        '--nodigest',
        '--nosignature',
      ];
      const { stdout } = spawnSync('rpm', args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
      return stdout
        .split('\n')
        .filter(
          (line) => line !== '' && !/^missing\s+(?:d )?\s*\/usr\/share\/(?:doc|man|locale)\//.test(line),
        );
    }

    it.each(['safe', 'review'] as const)('frees what it says, at safety %s', async (safety) => {
      const { predicted, freed, text } = await applyScript(tree, folder, '1G', safety);
      console.log(`rpm, ${text}`);
      expect(Math.abs(freed - predicted)).toBeLessThan(predicted * 0.05);
      expect(problems()).toEqual([]);
      const left = onRoot('-qa', '--qf', '%{NAME}-%{VERSION}\n').trim().split('\n').sort();
      expect(left).toEqual(
        expect.arrayContaining([
          'filesystem-1.0',
          'kernel-core-6.8.9',
          'qemu-guest-agent-1.0',
          'server-1.0',
          'zlib-1.0',
        ]),
      );
      if (safety === 'safe') expect(left).toHaveLength(SPECS.length);
      else {
        const gone =
          /^(?:kernel-core-6\.8\.5|kernel-devel|gcc|binutils|libmpc|zlib-devel|leftover-library|linux-firmware|git|vim-enhanced|glibc-langpack-de)/;
        expect(left.filter((name) => gone.test(name))).toEqual([]);
      }
      for (const name of [`vmlinuz-${KERNELS[1]}.x86_64`, `initramfs-${KERNELS[1]}.x86_64.img`]) {
        expect(existsSync(join(tree, 'boot', name)), name).toBe(true);
      }
    });
  },
);
