import { expect, it } from 'vitest';
import { artifactPath } from '../../../src/templates/rules/artifact-path.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(artifactPath, ({ messages }) => {
  it('lets a path that is made of the same local be', async () => {
    const template = (path: string) => ({
      'a.pkr.hcl': `locals {\n  out = "output"\n}\n${sourceBlock('  output_directory = local.out')}${buildBlock(
        `  post-processor "shell-local" {\n    inline = ["ls ${path}/disk.qcow2"]\n  }`,
      )}`,
    });
    expect(await messages(template('$' + '{local.out}'))).toEqual([]);
    expect(await messages(template('output'))).toEqual([
      'spells out where the artifact lies: the manifest knows',
    ]);
    expect(await messages(template('elsewhere'))).toEqual([]);
  });
});
