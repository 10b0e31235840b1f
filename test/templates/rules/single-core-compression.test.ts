import { expect, it } from 'vitest';
import { singleCoreCompression } from '../../../src/templates/rules/single-core-compression.ts';
import { buildBlock, describeRule, sourceBlock } from '../support.ts';

describeRule(singleCoreCompression, ({ messages }) => {
  it('reads the format, and an output that is only known in part', async () => {
    const build = (lines: string) => ({
      'a.pkr.hcl': sourceBlock('') + buildBlock(`  post-processor "compress" {\n${lines}\n  }`),
    });
    expect(await messages(build('    format = "bzip2"\n    output = "x"'))).toHaveLength(1);
    expect(await messages(build('    output = "$' + '{source.name}.tar.bz2"'))).toHaveLength(1);
    expect(await messages(build('    output = "x.tar.lz4"'))).toEqual([]);
  });
});
