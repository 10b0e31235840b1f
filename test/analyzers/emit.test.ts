import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chosen, emit } from '../../src/analyzers/emit.ts';
import { REMOVAL_RULES } from '../../src/analyzers/rules/index.ts';
import type { Resolved } from '../../src/analyzers/suggest.ts';
import type { Inspection } from '../../src/core/contracts/inspection.ts';
import { describeWithTools } from '../support/tools.ts';
import { guest, resolved } from './rules/support.ts';

/** Something for many rules, with names that a shell would like to run. */
const inspection = guest(
  {
    '/etc/fstab': '/swap.img none swap sw 0 0\n',
    '/swap.img': 1_048_576,
    '/boot/vmlinuz-6.1.0-18-amd64': 8_000_000,
    "/boot/initrd.img-$(touch x)'`id`": 4096,
    '/lib/modules/6.1.0-1 && reboot/x.dep': 4096,
    '/usr/share/doc/a/README': 5000,
    '/usr/share/locale/de/x.mo': 5000,
    '/usr/share/man/man1/x.1': 5000,
    '/var/cache/apt/archives/x.deb': 5000,
    '/var/lib/apt/lists/a_b': 5000,
    '/var/lib/snapd/snaps/lxd_1.snap': 5000,
    '/var/lib/snapd/snaps/lxd_2.snap': 5000,
    '/var/log/syslog': 5000,
    '/var/log/syslog.1': 5000,
    '/opt/a\nb;reboot/.git/objects/x': 5000,
    "/root/it's $HOME.zip": 2_000_000,
    '/etc/x y.bak': 5000,
    '/usr/local/src/-rf/x': 5000,
    '/usr/local/lib/python3.11/site-packages/a/tests/x.py': 5000,
    '/usr/local/lib/python3.11/test/x.py': 5000,
    '/srv/node_modules/a/x.js.map': 5000,
    '/opt/x/__pycache__/x.pyc': 5000,
    '/usr/lib/locale/locale-archive': 220_000_000,
    '/usr/bin/gcc': 5000,
    '/usr/bin/old': 5000,
    '/tmp/x': 5000,
  },
  [
    { name: 'gcc', paths: ['/usr/bin/gcc'] },
    { name: 'old', automatic: true, paths: ['/usr/bin/old'] },
    { name: 'gone', state: 'config-files', paths: [] },
  ],
);
const options = { safety: 'risky', artifact: 'disk\n$(reboot).qcow2', version: '1.2.3' } as const;
const found = (): Promise<Resolved[]> => resolved(REMOVAL_RULES, inspection as Inspection);

describe('emit', () => {
  it('chooses by safety, removes packages first, and what provisioners use last', async () => {
    const all = await found();
    const safe = chosen(all, 'safe');
    expect(safe.length).toBeGreaterThan(4);
    expect(safe.every(({ suggestion }) => suggestion.safety === 'safe')).toBe(true);
    const order = chosen(all, 'risky').map(({ suggestion }) => suggestion.rule);
    expect(order.indexOf('toolchain')).toBeLessThan(order.indexOf('documentation'));
    expect(order.indexOf('documentation')).toBeLessThan(order.indexOf('apt-archives'));
    expect(order.indexOf('apt-archives')).toBeLessThan(order.indexOf('logs'));
    expect(order.indexOf('logs')).toBeLessThan(order.indexOf('temporary-files'));
  });

  it('says what it frees, and keeps names inside their line', async () => {
    const script = emit('shell', await found(), inspection.packages, options);
    const lines = script.split('\n');
    expect(lines[1]).toMatch(
      /^# imgopt 1\.2\.3: frees .* of disk\\n\$\(reboot\)\.qcow2, up to safety 'risky'\.$/,
    );
    expect(lines).toContain('remove_dpkg gcc:amd64');
    expect(lines.filter((line) => line.startsWith('reboot'))).toEqual([]);
  });

  it('doubles what HCL would take for a template', async () => {
    const block = emit('packer', await found(), inspection.packages, options);
    expect(block).toMatch(/^provisioner "shell" \{\n/);
    const heredoc = block.slice(block.indexOf('IMGOPT'), block.lastIndexOf('IMGOPT'));
    expect(heredoc).toContain("'$${db:Status-Status}'");
    expect(heredoc.replaceAll('$${', '')).not.toContain('${');
  });

  it('writes Ansible tasks that YAML reads back', async () => {
    const tasks = parse(emit('ansible', await found(), inspection.packages, options)) as Record<
      string,
      unknown
    >[];
    const names = tasks.map(({ name }) => String(name));
    expect(names.some((name) => name.includes('temporary-files'))).toBe(false);
    const apt = tasks.find((task) => 'ansible.builtin.apt' in task)!['ansible.builtin.apt'];
    expect(apt).toMatchObject({ state: 'absent', purge: true });
    expect(tasks.filter((task) => 'ansible.builtin.shell' in task).length).toBeGreaterThan(10);
  });
});

describeWithTools(['shellcheck'], 'emit: shellcheck', () => {
  it('finds nothing in any script, whatever names the image holds', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'imgopt-emit-'));
    try {
      for (const safety of ['safe', 'review', 'risky'] as const) {
        const path = join(folder, `${safety}.sh`);
        writeFileSync(path, emit('shell', await found(), inspection.packages, { ...options, safety }));
        const { stdout } = spawnSync('shellcheck', [path], { encoding: 'utf8' });
        expect(stdout).toBe('');
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('emit for Windows', () => {
  const windows = guest(
    {
      '/Windows/System32/ntoskrnl.exe': 5000,
      '/Windows/MEMORY.DMP': 900_000,
      '/hiberfil.sys': 400_000,
    },
    [],
    {
      os: null,
      inspection: {
        root: null,
        filesystems: [
          { index: 0, section: 0, mountPoint: null, mounts: [], subvolumes: [], type: 'ntfs' },
        ] as unknown as Inspection['filesystems'],
      },
    },
  );
  const steps = (): Promise<Resolved[]> => resolved(REMOVAL_RULES, windows as Inspection);

  it('is a provisioner of PowerShell’s, and none of the shell’s', async () => {
    const block = emit('packer', await steps(), [], options);
    expect(block).toMatch(/^provisioner "powershell" \{\n {2}inline = \[<<-IMGOPT\n/);
    expect(block).toContain('    powercfg.exe /hibernate off\n');
    expect(block).toContain('Remove-Item -Path "$env:SystemRoot\\MEMORY.DMP"');
    expect(block).not.toContain('provisioner "shell"');
    expect(block).not.toContain('fstrim');
  });

  it('is left out of a shell script, which says so', async () => {
    const script = emit('shell', await steps(), [], options);
    expect(script).not.toContain('powercfg');
    expect(script).toContain('# 2 suggestions for Windows are left out: --emit packer writes them.');
  });

  it('is tasks of ansible.windows', async () => {
    const tasks = parse(emit('ansible', await steps(), [], options)) as Record<string, unknown>[];
    expect(tasks.map((task) => Object.keys(task)[1])).toEqual([
      'ansible.windows.win_powershell',
      'ansible.windows.win_powershell',
    ]);
  });

  it('stands beside the shell’s where an image has both', async () => {
    const block = emit('packer', [...(await steps()), ...(await found())], inspection.packages, options);
    expect(block.match(/^provisioner "(?:powershell|shell)"/gm)).toHaveLength(2);
  });
});
