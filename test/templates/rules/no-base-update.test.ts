import { expect, it } from 'vitest';
import { noBaseUpdate } from '../../../src/templates/rules/no-base-update.ts';
import { buildBlock, describeRule, provisioned, sourceBlock } from '../support.ts';

describeRule(noBaseUpdate, ({ messages }) => {
  it('takes every manager’s way, playbooks and cloud-config for an update', async () => {
    const source = '  disk_image = true';
    for (const line of [
      'dnf -y upgrade --refresh',
      'zypper -n up',
      'pacman -Syu --noconfirm',
      'apk upgrade',
      'sudo apt-get -y full-upgrade',
    ]) {
      expect(await messages(provisioned(`#!/bin/sh -e\n${line}\n`, source)), line).toEqual([]);
    }
    const playbook = {
      'a.pkr.hcl':
        sourceBlock(source) + buildBlock('  provisioner "ansible" {\n    playbook_file = "p.yml"\n  }'),
      'p.yml': '- hosts: all\n  tasks:\n    - dnf: { name: "*", state: latest }\n',
    };
    expect(await messages(playbook)).toEqual([]);
    const seed = {
      'a.pkr.hcl':
        sourceBlock(`${source}\n  cd_files = ["user-data"]`) +
        buildBlock('  provisioner "shell" {\n    inline = ["true"]\n  }'),
      'user-data': '#cloud-config\npackage_upgrade: true\n',
    };
    expect(await messages(seed)).toEqual([]);
    expect(await messages({ ...seed, 'user-data': '#cloud-config\npackage_upgrade: false\n' })).toHaveLength(
      1,
    );
  });

  it('says nothing of an image that is the newest by its address', async () => {
    const daily = '  disk_image = true\n  iso_url = "https://cloud.example.org/noble/current/noble.img"';
    expect(await messages(provisioned('#!/bin/sh -e\ntrue\n', daily))).toEqual([]);
  });

  it('says nothing of an installer, which takes the newest from its mirror', async () => {
    expect(await messages(provisioned('#!/bin/sh -e\ntrue\n', ''))).toEqual([]);
  });
});
