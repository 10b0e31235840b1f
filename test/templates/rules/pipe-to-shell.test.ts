import { expect, it } from 'vitest';
import { pipeToShell } from '../../../src/templates/rules/pipe-to-shell.ts';
import { describeRule } from '../support.ts';

describeRule(pipeToShell, ({ messages }) => {
  const script = (text: string) => ({ 'a.sh': `#!/bin/bash -e\n${text}\n` });

  it('knows its forms', async () => {
    for (const text of [
      'curl -sSL https://example.com/x | bash -s -- --yes',
      'wget -qO- https://example.com/x | sudo -E bash -',
      'curl https://example.com/x | python3 -',
      'bash <(curl -s https://example.com/x)',
      'sh -c "$(curl -fsSL https://example.com/x)"',
      'eval "$(wget -qO- https://example.com/x)"',
      'curl https://example.com/x | tee log | sh',
    ]) {
      expect(await messages(script(text)), text).toHaveLength(1);
    }
  });

  it('lets be what only looks like it', async () => {
    for (const text of [
      'curl https://example.com/x | tar xz',
      'curl https://example.com/x | bash -c "cat > file"',
      'curl https://example.com/x.json | python3 -c "import json"',
      'curl https://example.com/x | python3 filter.py',
      'cat script | sh',
      'VERSION=$(curl -s https://example.com/version)',
      'bash -c "echo $(date)"',
      'bash install.sh "$(curl -s https://example.com/version)"',
    ]) {
      expect(await messages(script(text)), text).toEqual([]);
    }
  });
});
