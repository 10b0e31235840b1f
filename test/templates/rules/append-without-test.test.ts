import { expect, it } from 'vitest';
import { appendWithoutTest } from '../../../src/templates/rules/append-without-test.ts';
import { describeRule } from '../support.ts';

describeRule(appendWithoutTest, ({ messages }) => {
  it('knows tests, files made anew, and files that may grow', async () => {
    const script = (text: string) => ({ 'a.sh': `#!/bin/sh -e\n${text}\n` });
    for (const text of [
      'if ! grep -q x /etc/fstab; then echo x >> /etc/fstab; fi',
      'grep -q x /etc/fstab || echo x >> /etc/fstab',
      'echo a > /etc/x.conf\necho b >> /etc/x.conf',
      'rm -f /etc/x.conf\necho b >> /etc/x.conf',
      'echo done >> /var/log/build.log',
      'echo x >> "$FILE"',
    ]) {
      expect(await messages(script(text)), text).toEqual([]);
    }
    for (const text of [
      'echo x | sudo tee -a /etc/fstab',
      'F=/etc/fstab\necho x >> $F',
      'cat >> /etc/fstab <<EOF\nx\nEOF',
      "sudo sh -c 'echo x >> /etc/fstab'",
    ]) {
      expect(await messages(script(text)), text).toHaveLength(1);
    }
  });
});
