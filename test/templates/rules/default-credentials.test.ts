import { expect, it } from 'vitest';
import { defaultCredentials } from '../../../src/templates/rules/default-credentials.ts';
import { buildBlock, describeRule, provisioned, sourceBlock } from '../support.ts';

describeRule(defaultCredentials, ({ messages }) => {
  const source = '  ssh_username = "packer"\n  ssh_password = "packer"';

  it('is content when the account goes or is locked', async () => {
    for (const line of [
      'userdel -rf packer',
      'passwd -l packer',
      'sudo usermod --lock packer',
      "sed -i 's/^packer:[^:]*/packer:*/' /etc/shadow",
      'waagent -force -deprovision+user',
    ]) {
      expect(await messages(provisioned(`#!/bin/sh -e\n${line}\n`, source)), line).toEqual([]);
    }
    expect(await messages(provisioned('#!/bin/sh -e\npasswd packer\n', source))).toEqual([
      'nothing locks or removes packer that this password is for',
    ]);
  });

  it('leaves Vagrant boxes alone, which have a password that everybody knows', async () => {
    const box =
      sourceBlock(source) +
      buildBlock('  provisioner "shell" {\n    inline = ["true"]\n  }\n  post-processor "vagrant" {}');
    expect(await messages({ 'a.pkr.hcl': box })).toEqual([]);
  });

  it('does not guess about a password that only the build knows', async () => {
    const files = provisioned('#!/bin/sh -e\ntrue\n', '  ssh_password = var.password');
    expect(
      await messages({ ...files, 'v.pkr.hcl': 'variable "password" {\n  sensitive = true\n}\n' }),
    ).toEqual([]);
  });

  it('finds plain passwords in what the installer reads, and lets hashed ones be', async () => {
    const files = (name: string, text: string) => ({
      ...provisioned('#!/bin/sh -e\ntrue\n', `  cd_files = ["${name}"]`),
      [name]: text,
    });
    const head = 'lang C\nkeyboard us\ntimezone UTC\n';
    expect(await messages(files('ks.cfg', `${head}rootpw --plaintext secret\n`))).toEqual([
      'nothing locks or removes root that this password is for',
    ]);
    expect(
      await messages(files('ks.cfg', `${head}rootpw --iscrypted $6$x$y\nuser --name=a --lock\n`)),
    ).toEqual([]);
    expect(
      await messages(
        files(
          'preseed.cfg',
          'd-i passwd/user-password password secret\nd-i passwd/user-password-again password secret\n',
        ),
      ),
    ).toEqual(['nothing locks or removes the user that this password is for']);
    expect(
      await messages(files('preseed.cfg', 'd-i passwd/user-password-crypted password $6$x$y\n')),
    ).toEqual([]);
    expect(
      await messages(
        files(
          'user-data',
          '#cloud-config\nusers:\n  - name: a\n    plain_text_passwd: secret\n  - name: b\n    passwd: $6$x$y\n',
        ),
      ),
    ).toEqual(['nothing locks or removes a that this password is for']);
    expect(
      await messages(files('user-data', '#cloud-config\nchpasswd:\n  list: |\n    a:secret\n    b:RANDOM\n')),
    ).toHaveLength(1);
  });
});
