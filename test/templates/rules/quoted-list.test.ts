import { expect, it } from 'vitest';
import { quotedList } from '../../../src/templates/rules/quoted-list.ts';
import { describeRule } from '../support.ts';

describeRule(quotedList, ({ messages }) => {
  it('takes one name for what it is', async () => {
    const script = (line: string) => ({ 'a.sh': `#!/bin/sh -e\n${line}\n` });
    for (const line of [
      'apt-get install -y "linux-headers-$(uname -r)"',
      'apt-get install -y "$(basename "$PKG")"',
      'dnf install -y "$(head -1 list)"',
      "apt-get purge -y $(dpkg -l | awk '/^rc/ { print $2 }')",
      'grep -m1 x "$(rpm -qa)"',
    ]) {
      expect(await messages(script(line)), line).toEqual([]);
    }
    for (const line of [
      'yum remove -y "$(package-cleanup --oldkernels)"',
      'apt-get purge -y "$(dpkg -l | awk \'/^rc/ { print $2 }\')"',
      'rpm -e "$(rpm -qa | grep devel)"',
    ]) {
      expect(await messages(script(line)), line).toHaveLength(1);
    }
  });
});
