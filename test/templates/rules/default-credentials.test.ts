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
});
