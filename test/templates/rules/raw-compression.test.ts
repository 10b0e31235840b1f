import { expect, it } from 'vitest';
import { rawCompression } from '../../../src/templates/rules/raw-compression.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(rawCompression, ({ lines }) => {
  it('finds skip_compaction = false as well, but not true', async () => {
    expect(await lines({ 'a.pkr.hcl': sourceBlock('  format = "raw"\n  skip_compaction = false') })).toEqual([
      7,
    ]);
    expect(await lines({ 'a.pkr.hcl': sourceBlock('  format = "raw"\n  skip_compaction = true') })).toEqual(
      [],
    );
  });
});
