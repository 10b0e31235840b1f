import { expect, it } from 'vitest';
import { weakChecksum } from '../../../src/templates/rules/weak-checksum.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(weakChecksum, ({ fixed, messages }) => {
  it('takes one strong digest for enough', async () => {
    const build = (types: string) => ({
      'a.pkr.hcl':
        sourceBlock('') + buildBlock(`  post-processor "checksum" {\n    checksum_types = ${types}\n  }`),
    });
    expect(await messages(build('["md5", "sha1"]'))).toEqual(['writes only md5 and sha1']);
    expect(await messages(build('["md5", "sha512"]'))).toEqual([]);
    expect(await messages(build('var.types'))).toEqual([]);
  });

  it('has no edit where a legacy template names the post-processor by its word alone', async () => {
    const legacy = '{"builders": [{"type": "file"}], "post-processors": ["checksum"]}';
    expect(await messages({ 'a.json': legacy })).toEqual(['writes only md5, the default']);
    expect(await fixed({ 'a.json': legacy })).toEqual({});
  });
});
