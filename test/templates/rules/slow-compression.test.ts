import { expect, it } from 'vitest';
import { slowCompression } from '../../../src/templates/rules/slow-compression.ts';
import { describeRule } from '../support.ts';

describeRule(slowCompression, ({ messages }) => {
  it('reads the arguments in a legacy template, and leaves unknown ones alone', async () => {
    const legacy = (convert: string) =>
      `{"builders": [{"type": "qemu", "iso_url": "x.iso", "disk_compression": true, "qemu_img_args": {"convert": [${convert}]}}]}`;
    expect(await messages({ 'a.json': legacy('"-W"') })).toEqual([]);
    expect(await messages({ 'a.json': legacy('') })).toHaveLength(1);
    expect(await messages({ 'a.json': legacy('"{{user `options`}}"') })).toEqual([]);
  });
});
