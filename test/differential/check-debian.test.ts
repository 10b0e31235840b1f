/**
 * Three Debian systems in a row: a base, the same with a toolchain, and cleaned again. apt makes them, mke2fs puts
 * them into images, dpkg-query says what is installed; check is to blame what apt brought.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { imgopt } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, findTool } from '../support/tools.ts';

const IMAGE_SIZE = '700M';
const TOOLCHAIN = 'gcc libc6-dev make';

/** Runs inside of mmdebstrap, as root or as what looks like it: the system as an image, and what dpkg says of it. */
const SNAPSHOT = `
snapshot() {
  mkdir "$out/tree"
  tar --one-file-system -C "$root" --exclude=./dev --exclude=./proc --exclude=./sys -cf - . | tar -C "$out/tree" -xpf -
  mke2fs -q -F -t ext4 -d "$out/tree" "$out/$1.ext4" ${IMAGE_SIZE} >/dev/null 2>&1
  chroot "$root" dpkg-query -W -f '\${Package}\\t\${Installed-Size}\\t\${db:Status-Status}\\n' >"$out/$1.packages"
  rm -rf "$out/tree"
}
apt() { DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get -qq -y "$@" >/dev/null 2>&1; }
snapshot base
apt install --no-install-recommends ${TOOLCHAIN}
snapshot toolchain
apt purge --autoremove ${TOOLCHAIN}
apt clean
snapshot cleaned
`;

describeWithTools(['mmdebstrap', 'mke2fs', 'tar'], 'base, toolchain, cleaned', () => {
  const folder = temporaryFolder();
  const out = join(folder, 'out');
  const image = (name: string): string => join(out, `${name}.ext4`);
  const baseline = join(folder, 'baseline.json');

  beforeAll(() => {
    mkdirSync(out);
    chmodSync(folder, 0o755);
    chmodSync(out, 0o777);
    const hook = join(folder, 'hook.sh');
    writeFileSync(
      hook,
      `#!/bin/sh\nset -eu\nPATH=$PATH:/usr/sbin:/sbin\nroot="$1"\nout='${out}'\n${SNAPSHOT}`,
      { mode: 0o755 },
    );
    execFileSync(
      findTool('mmdebstrap')!,
      ['--quiet', '--variant=apt', '--format=null', `--customize-hook=${hook}`, 'bookworm', '-'],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, LC_ALL: 'C' } },
    );
  }, 1_200_000);

  function installed(name: string): Map<string, number> {
    const rows = readFileSync(join(out, `${name}.packages`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    return new Map(
      rows.filter(([, , status]) => status === 'installed').map(([pkg, kib]) => [pkg!, Number(kib) * 1024]),
    );
  }

  /** What dpkg lists in one and not in the other, largest first as it declares. */
  function brought(from: string, to: string): string[] {
    const before = installed(from);
    return [...installed(to)]
      .filter(([name]) => !before.has(name))
      .sort((a, b) => b[1] - a[1])
      .map(([name]) => name);
  }

  test('the base is recorded', async () => {
    const { code, stderr } = await imgopt([
      'check',
      image('base'),
      '--baseline',
      baseline,
      '--update-baseline',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test.each([
    ['the recorded baseline', () => baseline],
    ['the image itself', () => image('base')],
  ])('with the toolchain it is over %s, and the toolchain is blamed by package', async (_, against) => {
    const args = ['check', image('toolchain'), '--baseline', against(), '--max-growth', '5%', '--top', '0'];
    const { code, stdout } = await imgopt([...args, '--json']);
    expect(code).toBe(1);
    const result = JSON.parse(stdout);
    const added = result.changes.packages.filter((one: { status: string }) => one.status === 'added');
    expect(added.map((one: { name: string }) => one.name).sort()).toEqual(
      brought('base', 'toolchain').sort(),
    );
    // The largest that apt brought is the first that is blamed; both go by the same order of size.
    const [budget] = result.budgets;
    expect(budget.blame.since).toBe('baseline');
    const blamed = budget.blame.packages.map((one: { name: string }) => one.name);
    expect(blamed[0]).toBe(brought('base', 'toolchain')[0]);
    expect(new Set(brought('base', 'toolchain').slice(0, 5))).toEqual(new Set(blamed));
    expect(budget.blame.directories[0].name).toMatch(/^\/usr\/(lib|libexec)\/gcc/);
    const table = await imgopt(args);
    expect(table.stdout).toContain('deterministic: retrying will not help');
    expect(table.stdout).toMatch(new RegExp(`\\+\\d[\\d.]* MiB +package +${blamed[0]} +added`));
  });

  test('cleaned, the packages are gone; what apt left behind is still growth', async () => {
    const { code, stdout } = await imgopt([
      'check',
      image('cleaned'),
      '--baseline',
      baseline,
      '--max-growth',
      '5%',
      '--top',
      '0',
      '--json',
    ]);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    const added = result.changes.packages.filter((one: { status: string }) => one.status === 'added');
    expect(added.map((one: { name: string }) => one.name).sort()).toEqual(brought('base', 'cleaned').sort());
  });

  test('diff of toolchain and cleaned is the way back', async () => {
    const { stdout } = await imgopt(['diff', image('toolchain'), image('cleaned'), '--json', '--top', '0']);
    const removed = JSON.parse(stdout).packages.filter((one: { status: string }) => one.status === 'removed');
    expect(removed.map((one: { name: string }) => one.name).sort()).toEqual(
      brought('cleaned', 'toolchain').sort(),
    );
    for (const one of removed) expect(one.delta).toBeLessThanOrEqual(0);
  });
});
