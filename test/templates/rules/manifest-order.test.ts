import { expect, it } from 'vitest';
import { manifestOrder } from '../../../src/templates/rules/manifest-order.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(manifestOrder, ({ messages }) => {
  it('finds a chain of its own beside one that deletes its input', async () => {
    const build = (keep: boolean) => ({
      'a.pkr.hcl':
        sourceBlock('') +
        buildBlock(
          `  post-processor "manifest" {}\n  post-processor "compress" {\n    output = "x.gz"\n    keep_input_artifact = ${keep}\n  }`,
        ),
    });
    expect(await messages(build(false))).toEqual([
      'names the files that compress, in a chain beside it, replaces',
    ]);
    expect(await messages(build(true))).toEqual([]);
  });
});
