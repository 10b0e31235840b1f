/** What --emit packer writes for Windows, against Packer's own parser. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'vitest';
import { emit } from '../../src/analyzers/emit.ts';
import { REMOVAL_RULES } from '../../src/analyzers/rules/index.ts';
import { guest, resolved } from '../analyzers/rules/support.ts';
import { volume, WINDOWS } from '../analyzers/rules/windows-support.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

describeWithTools(['packer'], 'emit for Windows', () => {
  it('is HCL that Packer takes', async () => {
    const tree = {
      ...WINDOWS,
      '/hiberfil.sys': 5000,
      '/pagefile.sys': 5000,
      '/$Recycle.Bin/S-1-5/$R1': 5000,
      '/Windows/MEMORY.DMP': 5000,
      '/Windows.old/x': 5000,
      '/Windows/SoftwareDistribution/Download/x': 5000,
    };
    const steps = await resolved(REMOVAL_RULES, guest(tree, [], { os: null, ...volume('ntfs') }));
    const options = { safety: 'risky', artifact: 'x ${oh} %{if}.vhdx', version: '1' } as const;
    const block = emit('packer', steps, [], options);
    const path = join(temporaryFolder(), 'windows.pkr.hcl');
    const body = block
      .trimEnd()
      .split('\n')
      .map((line) => (line === '' ? '' : `  ${line}`))
      .join('\n');
    writeFileSync(
      path,
      `source "null" "x" {\n  communicator = "none"\n}\nbuild {\n  sources = ["null.x"]\n${body}\n}\n`,
    );
    await runTool('packer', ['validate', '-syntax-only', path]);
  });
});
