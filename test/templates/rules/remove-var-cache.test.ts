import { expect, it } from 'vitest';
import { removeVarCache } from '../../../src/templates/rules/remove-var-cache.ts';
import { describeRule } from '../support.ts';

describeRule(removeVarCache, ({ messages }) => {
  it('finds it with find, and lets single caches be', async () => {
    const script = (line: string) => ({ 'a.sh': `#!/bin/sh -e\n${line}\n` });
    for (const line of [
      'find /var/cache -type f -exec rm -rf {} \\;',
      'rm -rf /var/cache',
      'sudo rm -rf /var/cache/*',
      'find /var/cache/ -type f -delete',
    ]) {
      expect(await messages(script(line)), line).toHaveLength(1);
    }
    for (const line of [
      'rm -rf /var/cache/apt/archives/*',
      'find /var/cache/apt -type f -delete',
      'find /var/cache -name x',
      'rm -rf /var/log/*',
    ]) {
      expect(await messages(script(line)), line).toEqual([]);
    }
  });
});
