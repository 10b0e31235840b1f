import { expect, it } from 'vitest';
import { noTrim } from '../../../src/templates/rules/no-trim.ts';
import { buildBlock, describeRule, provisioned, sourceBlock } from '../support.ts';

describeRule(noTrim, ({ lines, messages }) => {
  it('finds what is deleted after the trim', async () => {
    expect(await lines(provisioned('#!/bin/sh -e\nfstrim -av\napt-get clean\n'))).toEqual([3]);
    expect(await lines(provisioned('#!/bin/sh -e\napt-get clean\nfstrim -av\n'))).toEqual([]);
  });

  it('takes a zero fill, zerofree and cat /dev/zero for a trim', async () => {
    for (const command of [
      'dd if=/dev/zero of=/zero bs=1M || true',
      'zerofree /dev/sda1',
      'cat /dev/zero > /zero || true',
    ]) {
      expect(await messages(provisioned(`#!/bin/sh -e\n${command}\nrm -f /zero\n`))).toEqual([]);
    }
    // A file of a stated size is a swap file, say.
    expect(
      await messages(provisioned('#!/bin/sh -e\ndd if=/dev/zero of=/swap bs=1M count=512\n')),
    ).toHaveLength(1);
  });

  it('says nothing where a step is not known, or a script may shrink the artifact', async () => {
    const unknown = '  provisioner "shell" {\n    scripts = var.scripts\n  }';
    const head = sourceBlock('  disk_discard = "unmap"');
    expect(await messages({ 'a.pkr.hcl': `${head}${buildBlock(unknown)}variable "scripts" {}\n` })).toEqual(
      [],
    );
    const local =
      '  provisioner "shell" {\n    inline = ["true"]\n  }\n  post-processor "shell-local" {\n    inline = ["imgopt packer post-process"]\n  }';
    expect(await messages({ 'a.pkr.hcl': head + buildBlock(local) })).toEqual([]);
    const chef = '  provisioner "chef-solo" {\n    run_list = ["x"]\n  }';
    expect(await messages({ 'a.pkr.hcl': head + buildBlock(chef) })).toEqual([]);
  });
});
