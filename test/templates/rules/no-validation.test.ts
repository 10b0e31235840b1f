import { expect, it } from 'vitest';
import { noValidation } from '../../../src/templates/rules/no-validation.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(noValidation, ({ messages }) => {
  it('takes tests of many kinds', async () => {
    const steps = [
      '  provisioner "goss" {\n    tests = ["goss.yaml"]\n  }',
      '  provisioner "shell" {\n    inline = ["sshd -t"]\n  }',
      '  provisioner "shell" {\n    script = "verify.sh"\n  }',
      '  provisioner "shell" {\n    inline = ["true"]\n  }\n  post-processor "shell-local" {\n    inline = ["./boot.sh"]\n  }',
    ];
    for (const step of steps) {
      const files = { 'a.pkr.hcl': sourceBlock('') + buildBlock(step), 'verify.sh': '#!/bin/sh -e\nls /\n' };
      expect(await messages(files), step).toEqual([]);
    }
  });
});
