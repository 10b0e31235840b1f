/**
 * Emitted scripts in a root that has busybox and nothing else, as Alpine's: what the script deletes is what the rules
 * named, file by file, and ext4 counts as many bytes freed as they said.
 */
import { lstatSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Safety } from '../../src/core/contracts/report.ts';
import { applyScript, makeBusyboxRoot, run, write } from '../support/guest-root.ts';
import { describeWithTools } from '../support/tools.ts';

/** Path → size, by the safety at which it goes. */
const GOES: Record<Safety, Record<string, number>> = {
  safe: {
    '/var/cache/apk/APKINDEX.1.tar.gz': 900_000,
    '/var/cache/dnf/fedora.solv': 800_000,
    '/var/cache/zypp/raw/x': 300_000,
    '/var/cache/pacman/pkg/a-1.pkg.tar.zst': 500_000,
    '/root/.cache/pip/http/a': 400_000,
    '/root/.npm/_cacache/a b': 350_000,
    "/home/it's me/.cargo/registry/x": 600_000,
    '/root/.cache/other/y': 200_000,
    '/root/go/pkg/mod/x/y.go': 250_000,
    '/root/.m2/repository/a.jar': 700_000,
    '/tmp/packer-script.sh': 300,
    '/tmp/a b/c': 120_000,
    '/var/tmp/.hidden': 80_000,
    '/var/log/messages.1': 90_000,
    '/var/log/messages-20240102': 70_000,
    '/var/log/apk.log.gz': 60_000,
    '/var/log/journal/0123456789abcdef0123456789abcdef/system.journal': 8_388_608,
    '/var/crash/x.crash': 500_000,
    '/root/VBoxGuestAdditions.iso': 900_000,
    '/var/lib/dpkg/status-old': 400_000,
    '/boot/initramfs-6.5.0-0-virt': 3_000_000,
  },
  review: {
    '/usr/share/doc/x/README': 40_000,
    '/usr/share/doc/only/changelog.gz': 30_000,
    '/usr/share/man/man1/x.1': 20_000,
    '/usr/share/man/de/man1/x.1': 20_000,
    '/usr/share/locale/de/LC_MESSAGES/x.mo': 70_000,
    '/usr/share/locale/pt_BR/LC_MESSAGES/x.mo': 70_000,
    '/usr/share/locale/sr@latin/LC_MESSAGES/x.mo': 70_000,
    '/usr/share/locale/ast/LC_MESSAGES/x.mo': 70_000,
    '/usr/share/i18n/locales/de_DE': 60_000,
    '/usr/share/zoneinfo/right/UTC': 2000,
    '/usr/lib/python3.12/__pycache__/mine.cpython-312.pyc': 50_000,
    '/opt/a b/__pycache__/x.pyc': 50_000,
    '/opt/app/.git/objects/pack/p.pack': 900_000,
    '/usr/local/lib/libx.a': 600_000,
    '/usr/local/src/nginx/nginx.c': 300_000,
    '/root/tool.tar.gz': 2_000_000,
    '/etc/x.conf~': 5000,
    '/usr/lib/debug/x.debug': 300_000,
    '/swapfile': 4_000_000,
    '/lost+found/#12': 10_000,
  },
  risky: {
    '/opt/app/node_modules/a/index.js.map': 200_000,
    '/opt/app/node_modules/a/README.md': 20_000,
    '/opt/app/node_modules/a/test/t.js': 40_000,
    '/opt/app/node_modules/@scope/b/docs/d.html': 60_000,
    '/opt/app/node_modules/a/node_modules/c/.github/x': 10_000,
    '/opt/venv/lib/python3.12/site-packages/pkg/tests/t.py': 40_000,
    '/var/lib/containerd/io.containerd.content.v1.content/blobs/x': 3_000_000,
    '/usr/share/mystery.dat': 6_000_000,
  },
};
/** What resembles it and stays, whatever the safety. */
const STAYS: Record<string, number> = {
  '/boot/vmlinuz-6.6.1-0-virt': 8_000_000,
  '/boot/initramfs-6.6.1-0-virt': 7_000_000,
  '/usr/share/doc/x/copyright': 3000,
  '/usr/share/locale/en_GB/LC_MESSAGES/x.mo': 9000,
  '/usr/share/locale/locale.alias': 3000,
  '/usr/share/zoneinfo/UTC': 2000,
  '/usr/lib/python3.12/mine.py': 9000,
  '/usr/lib/python3.11/__pycache__/owned.cpython-311.pyc': 50_000,
  '/usr/lib/node_modules/npm/node_modules/x/README.md': 50_000,
  '/opt/app/node_modules/a/index.js': 9000,
  '/opt/app/node_modules/a/LICENSE.md': 9000,
  '/opt/app/node_modules/a/lib/test/inner.js': 9000,
  '/opt/venv/lib/python3.12/site-packages/pkg/core/tests/t.py': 9000,
  '/var/cache/debconf/config.dat': 9000,
  "/home/it's me/notes.txt": 9000,
  '/root/tool.txt': 9000,
};
const OWNED = `P:owner
V:1-r0
A:x86_64
I:200000
F:usr/lib/python3.11/__pycache__
R:owned.cpython-311.pyc
F:usr/lib/node_modules/npm/node_modules/x
R:README.md

`;
const MADE = [
  '/etc/os-release',
  '/etc/fstab',
  '/lib/apk/db/installed',
  '/etc/apk/world',
  '/var/log/messages',
];
const SAFETIES = ['safe', 'review', 'risky'] as const;

describeWithTools(
  ['mke2fs', 'dumpe2fs', 'chroot', 'unshare', 'shellcheck', 'busybox', 'ldd'],
  'emitted scripts, busybox',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'imgopt-emit-'));
    const tree = join(folder, 'tree');
    let programs: Set<string>;

    /** Files of the guest, without those that make it run. */
    const present = (): string[] => listed().filter((path) => !programs.has(path));
    const listed = (): string[] =>
      run('find', tree, '-type', 'f', '-printf', '/%P\\n').trimEnd().split('\n').sort();

    beforeAll(() => {
      makeBusyboxRoot(tree);
      programs = new Set(listed());
      write(tree, '/etc/os-release', 'ID=alpine\nVERSION_ID=3.20.0\n');
      write(tree, '/etc/fstab', '/dev/vda1 / ext4 rw 0 1\n/swapfile none swap sw 0 0\n');
      write(tree, '/lib/apk/db/installed', OWNED);
      write(tree, '/etc/apk/world', 'owner\n');
      write(tree, '/var/log/messages', 500_000);
      for (const files of [...Object.values(GOES), STAYS]) {
        for (const [path, size] of Object.entries(files)) write(tree, path, size);
      }
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(SAFETIES)('delete what the rules named, at safety %s', async (safety) => {
      const { predicted, freed, text } = await applyScript(tree, folder, '256M', safety);
      console.log(text);
      const left = SAFETIES.slice(SAFETIES.indexOf(safety) + 1).flatMap((later) => Object.keys(GOES[later]));
      expect(present()).toEqual(
        [...Object.keys(STAYS), ...MADE, ...left].map((path) => path.replace(/^\/lib\//, '/usr/lib/')).sort(),
      );
      expect(lstatSync(join(tree, '/var/log/messages')).size).toBe(0);
      expect(Math.abs(freed - predicted)).toBeLessThan(predicted * 0.05);
    });
  },
);
