import { expect, it } from 'vitest';
import { pluginsUndeclared } from '../../../src/templates/rules/plugins-undeclared.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(pluginsUndeclared, ({ messages }) => {
  const declared = (name: string) =>
    `packer {\n  required_plugins {\n    ${name} = {\n      source = "github.com/hashicorp/${name}"\n      version = "~> 1.0"\n    }\n  }\n}\n`;

  it('names what is missing, and knows what Packer brings itself', async () => {
    const ansible =
      sourceBlock('') +
      buildBlock(
        '  provisioner "ansible" {\n    playbook_file = "p.yml"\n  }\n  post-processor "manifest" {}',
      );
    expect(await messages({ 'a.pkr.hcl': declared('qemu') + ansible, 'p.yml': '- hosts: all\n' })).toEqual([
      'required_plugins lacks a plugin: ansible comes from plugins',
    ]);
    const none =
      'source "null" "x" {\n  communicator = "none"\n}\nbuild {\n  sources = ["source.null.x"]\n  provisioner "shell-local" {\n    inline = ["true"]\n  }\n}\n';
    expect(await messages({ 'a.pkr.hcl': none })).toEqual([]);
  });

  it('knows components by their plugin’s name, over the files of a folder', async () => {
    const source = 'source "virtualbox-iso" "x" {\n  iso_url = "x.iso"\n}\n';
    expect(await messages({ 'a.pkr.hcl': source, 'plugins.pkr.hcl': declared('virtualbox') })).toEqual([]);
  });

  it('asks nothing of a legacy template, which cannot declare any', async () => {
    expect(await messages({ 'a.json': '{"builders": [{"type": "qemu"}]}' })).toEqual([]);
  });
});
