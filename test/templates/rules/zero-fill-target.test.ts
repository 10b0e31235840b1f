import { expect, it } from 'vitest';
import { zeroFillTarget } from '../../../src/templates/rules/zero-fill-target.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(zeroFillTarget, ({ messages }) => {
  it('finds filesystems of their own that the fill does not reach', async () => {
    const files = (fill: string) => ({
      'debian.pkr.hcl':
        sourceBlock('  http_content = {\n    "/ks.cfg" = file("ks.cfg")\n  }') +
        buildBlock(`  provisioner "shell" {\n    inline = ["${fill}"]\n  }`),
      'ks.cfg':
        'lang en_US\nkeyboard us\ntimezone UTC\npart / --size=8000\npart /home --size=2000\n%packages\n@core\n%end\n',
    });
    expect(await messages(files('dd if=/dev/zero of=/zero bs=1M || true'))).toEqual([
      'fills no file on /home, which the installer makes filesystems of their own',
    ]);
    expect(await messages(files('dd if=/dev/zero of=/zero; dd if=/dev/zero of=/home/zero'))).toEqual([]);
    expect(await messages(files('fstrim -av'))).toEqual([]);
  });

  it('knows the other places in memory', async () => {
    expect(await messages({ 'a.sh': '#!/bin/sh -e\ncat /dev/zero > /dev/shm/zero\n' })).toHaveLength(1);
    expect(await messages({ 'a.sh': '#!/bin/sh -e\ncat /dev/zero > /var/tmp/zero\n' })).toEqual([]);
  });
});
