import { expect, it } from 'vitest';
import { passwordAuthentication } from '../../../src/templates/rules/password-authentication.ts';
import { describeRule } from '../support.ts';

describeRule(passwordAuthentication, ({ messages }) => {
  it('is content when a later step turns it off', async () => {
    const on = 'echo "PasswordAuthentication yes" >> /etc/ssh/sshd_config';
    expect(await messages({ 'a.sh': `#!/bin/sh -e\n${on}\n` })).toHaveLength(1);
    expect(
      await messages({
        'a.sh': `#!/bin/sh -e\n${on}\n`,
        'b.sh':
          "#!/bin/sh -e\nsed -i 's/PasswordAuthentication yes/PasswordAuthentication no/' /etc/ssh/sshd_config\n",
      }),
    ).toEqual([]);
  });

  it('reads what sed puts in, not what it looks for', async () => {
    expect(
      await messages({
        'a.sh': "#!/bin/sh -e\nsed -i 's/PermitRootLogin yes/PermitRootLogin no/' /etc/ssh/sshd_config\n",
      }),
    ).toEqual([]);
    expect(
      await messages({
        'a.sh': "#!/bin/sh -e\nsed -i 's/PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config\n",
      }),
    ).toEqual(['lets root in over SSH with a password, and nothing turns it off again']);
    expect(
      await messages({ 'a.sh': '#!/bin/sh -e\ngrep -q "PasswordAuthentication yes" /etc/ssh/sshd_config\n' }),
    ).toEqual([]);
  });

  it('reads here-documents, cloud-config and autoinstall', async () => {
    expect(
      await messages({
        'a.sh': '#!/bin/sh -e\ncat > /etc/ssh/sshd_config.d/x.conf <<EOF\nPasswordAuthentication yes\nEOF\n',
      }),
    ).toHaveLength(1);
    expect(
      await messages({
        'a.sh':
          '#!/bin/sh -e\ncat > /etc/ssh/sshd_config.d/x.conf <<EOF\n# PasswordAuthentication yes\nEOF\n',
      }),
    ).toEqual([]);
    expect(await messages({ 'user-data': '#cloud-config\nssh_pwauth: yes\n' })).toHaveLength(1);
    expect(
      await messages({
        'user-data': '#cloud-config\nautoinstall:\n  version: 1\n  ssh:\n    allow-pw: no\n',
      }),
    ).toEqual([]);
    expect(
      await messages({
        'user-data': '#cloud-config\nautoinstall:\n  version: 1\n  ssh:\n    allow-pw: yes\n',
      }),
    ).toHaveLength(1);
  });
});
