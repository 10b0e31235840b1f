import { expect, it } from 'vitest';
import { noErrexit } from '../../../src/templates/rules/no-errexit.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(noErrexit, ({ messages }) => {
  const BODY = 'apt-get update\napt-get install -y jq\n';
  const called = (script: string, command: string) => ({
    'a.pkr.hcl':
      sourceBlock('') +
      buildBlock(`  provisioner "shell" {\n    script = "setup.sh"\n    execute_command = "${command}"\n  }`),
    'setup.sh': script,
  });

  it('knows every way to stop at errors', async () => {
    for (const head of [
      '#!/bin/sh -e',
      '#!/bin/bash -eux',
      '#!/bin/bash\nset -euo pipefail',
      '#!/bin/bash\nset -o errexit',
      '#!/bin/sh\nset -x -e',
    ]) {
      expect(await messages({ 'a.sh': `${head}\n${BODY}` }), head).toEqual([]);
    }
    expect(await messages(called(BODY, "sudo sh -eux '{{ .Path }}'"))).toEqual([]);
    expect(await messages(called(BODY, "sudo sh '{{ .Path }}'"))).toHaveLength(1);
    expect(await messages(called(BODY, "su root -c 'sh -e {{ .Path }}'"))).toEqual([]);
  });

  it('is content with one command, with a trap, and with a way of calling that is not known', async () => {
    expect(await messages({ 'a.sh': '#!/bin/sh\nexec /opt/setup\n' })).toEqual([]);
    expect(await messages({ 'a.sh': `#!/bin/bash\ntrap 'exit 1' ERR\n${BODY}` })).toEqual([]);
    const files = called(BODY, '$' + '{var.command}');
    expect(await messages({ ...files, 'v.pkr.hcl': 'variable "command" {}\n' })).toEqual([]);
  });

  it('knows that inline stops, unless its first line is another', async () => {
    const inline = (more: string) => ({
      'a.pkr.hcl':
        sourceBlock('') +
        buildBlock(
          `  provisioner "shell" {\n    inline = ["apt-get update", "apt-get install -y jq"]\n${more}  }`,
        ),
    });
    expect(await messages(inline(''))).toEqual([]);
    expect(await messages(inline('    inline_shebang = "/bin/bash -x"\n'))).toHaveLength(1);
    expect(await messages(inline('    inline_shebang = "/bin/bash -ex"\n'))).toEqual([]);
  });
});
