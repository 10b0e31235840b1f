import { expect, it } from 'vitest';
import { pluginsUnpinned } from '../../../src/templates/rules/plugins-unpinned.ts';
import { describeRule } from '../support.ts';

describeRule(pluginsUnpinned, ({ messages }) => {
  it('knows constraints', async () => {
    const plugin = (version: string) => ({
      'a.pkr.hcl': `packer {\n  required_plugins {\n    qemu = {\n      source = "github.com/hashicorp/qemu"\n${version}    }\n  }\n}\n`,
    });
    for (const version of ['1.0.0', '= 1.0.0', '~> 1.0', '>= 1.0, < 2.0', 'v1.0.0']) {
      expect(await messages(plugin(`      version = "${version}"\n`)), version).toEqual([]);
    }
    for (const version of ['>= 1.0', '> 1.0', '!= 1.0', '>=1.0,!=1.2']) {
      expect(await messages(plugin(`      version = "${version}"\n`)), version).toHaveLength(1);
    }
    expect(await messages(plugin(''))).toEqual(['no version of the plugin qemu is asked for']);
  });
});
