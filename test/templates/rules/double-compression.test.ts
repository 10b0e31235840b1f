import { expect, it } from 'vitest';
import { doubleCompression } from '../../../src/templates/rules/double-compression.ts';
import { describeRule } from '../support.ts';

describeRule(doubleCompression, ({ messages }) => {
  it('finds it in a chain of a legacy template', async () => {
    const legacy =
      '{"builders": [{"type": "qemu", "iso_url": "x.iso", "disk_compression": "true"}], "post-processors": [["manifest", {"type": "compress", "output": "x.gz"}]]}';
    expect(await messages({ 'a.json': legacy })).toHaveLength(1);
    expect(await messages({ 'a.json': legacy.replace('"true"', '"false"') })).toEqual([]);
  });
});
