import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { worldWritable } from '../../../src/templates/rules/world-writable.ts';
import { describeRule } from '../support.ts';

describeRule(worldWritable, ({ messages }) => {
  it('reads modes as chmod does', async () => {
    for (const mode of ['777', '0777', '666', 'a+w', 'o+w', 'o=rwx', 'ugo+rwx', 'a+rwx', 'u=rwx,o=rw']) {
      expect(await messages({ 'a.sh': `#!/bin/sh -e\nchmod -R ${mode} /opt/x\n` }), mode).toHaveLength(1);
    }
    for (const mode of ['755', '0644', '1777', 'u+w', 'g+w', 'a+r', 'o-w', 'a-w', '+x', 'a+rwxt', '2775']) {
      expect(await messages({ 'a.sh': `#!/bin/sh -e\nchmod -R ${mode} /opt/x\n` }), mode).toEqual([]);
    }
  });

  it('agrees with chmod', () => {
    const folder = mkdtempSync(join(tmpdir(), 'imgopt-mode-'));
    try {
      for (const [mode, isOpen] of [
        ['777', true],
        ['a+w', true],
        ['o=rwx', true],
        ['g+w', false],
        ['1777', true],
        ['a+rwxt', true],
      ] as const) {
        const path = join(folder, mode);
        mkdirSync(path, { mode: 0o755 });
        execFileSync('chmod', [mode, path]);
        expect((statSync(path).mode & 0o002) !== 0, mode).toBe(isOpen);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('leaves temporary places alone, and looks at install, playbooks and cloud-config', async () => {
    expect(await messages({ 'a.sh': '#!/bin/sh -e\nchmod 777 /tmp/x\n' })).toEqual([]);
    expect(
      await messages({ 'a.sh': '#!/bin/sh -e\ninstall -d -m 0777 /opt/x\nmkdir --mode=777 /opt/y\n' }),
    ).toHaveLength(2);
    expect(
      await messages({
        'p.yml':
          '- hosts: all\n  tasks:\n    - file: { path: /opt/x, mode: 0777 }\n    - copy: { dest: /tmp/x/y, mode: 0777 }\n',
      }),
    ).toHaveLength(1);
    expect(
      await messages({
        'user-data': '#cloud-config\nwrite_files:\n  - path: /opt/x\n    permissions: "0666"\n',
      }),
    ).toHaveLength(1);
  });
});
