import { expect, it } from 'vitest';
import { noHygiene } from '../../../src/templates/rules/no-hygiene.ts';
import { describeRule, provisioned } from '../support.ts';

describeRule(noHygiene, ({ messages }) => {
  it('tells what is missing, and takes cloud-init and waagent for what they do', async () => {
    const missing = async (line: string) => (await messages(provisioned(`#!/bin/sh -e\n${line}\n`)))[0];
    expect(await missing('true')).toBe(
      'no step resets the machine id (truncate -s 0 /etc/machine-id) and SSH host keys (rm -f /etc/ssh/ssh_host_*)',
    );
    expect(await missing('rm -f /etc/ssh/ssh_host_*')).toBe(
      'no step resets the machine id (truncate -s 0 /etc/machine-id)',
    );
    expect(await missing('cloud-init clean --logs --machine-id')).toBeUndefined();
    expect(await missing(': > /etc/machine-id; rm -f /etc/ssh/*_key*')).toBeUndefined();
    expect(
      await missing(
        'echo uninitialized > /etc/machine-id; find /etc/ssh/ssh_host_x -delete; rm -f /etc/ssh/ssh_host_*',
      ),
    ).toBeUndefined();
  });

  it('leaves Windows and containers alone', async () => {
    const source = (type: string, more: string) =>
      `source "${type}" "debian" {\n${more}\n}\nbuild {\n  sources = ["source.${type}.debian"]\n  provisioner "shell" {\n    inline = ["true"]\n  }\n}\n`;
    expect(await messages({ 'a.pkr.hcl': source('docker', '  image = "debian:12"') })).toEqual([]);
    expect(
      await messages({ 'a.pkr.hcl': source('qemu', '  iso_url = "x.iso"\n  communicator = "winrm"') }),
    ).toEqual([]);
    expect(await messages({ 'a.pkr.hcl': source('amazon-ebs', '  source_ami = "ami-1"') })).toHaveLength(1);
  });
});
