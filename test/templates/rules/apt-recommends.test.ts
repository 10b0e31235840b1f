import { expect, it } from 'vitest';
import { aptRecommends } from '../../../src/templates/rules/apt-recommends.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(aptRecommends, ({ fixed, messages }) => {
  it('knows every way to say it', async () => {
    const script = (line: string) => ({ 'a.sh': `#!/bin/sh -e\n${line}\n` });
    for (const line of [
      'sudo -E apt-get -y install jq --no-install-recommends',
      'apt-get -o APT::Install-Recommends=false install -y jq',
      'apt-get -o APT::Install-Recommends=0 install -y jq',
      'aptitude -R install jq',
      'apt-get remove -y jq',
      'dnf install -y jq',
    ]) {
      expect(await messages(script(line)), line).toEqual([]);
    }
    for (const line of [
      'DEBIAN_FRONTEND=noninteractive apt-get install -y jq',
      'sudo apt install jq',
      "bash -c 'apt-get install -y jq'",
      'xargs apt-get install -y < list',
    ]) {
      expect(await messages(script(line)), line).toHaveLength(1);
    }
  });

  it('says nothing where apt is configured so', async () => {
    const script =
      '#!/bin/sh -e\necho \'APT::Install-Recommends "false";\' > /etc/apt/apt.conf.d/99x\napt-get install -y jq\n';
    expect(await messages({ 'a.sh': script })).toEqual([]);
  });

  it('edits a line of a template in its place', async () => {
    const template = `${sourceBlock('')}${buildBlock('  provisioner "shell" {\n    inline = [\n      "apt-get update",\n      "apt-get install -y jq",\n    ]\n  }')}`;
    expect((await fixed({ 'a.pkr.hcl': template }))['a.pkr.hcl']).toBe(
      template.replace('install -y', 'install --no-install-recommends -y'),
    );
  });
});
