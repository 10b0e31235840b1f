import { expect, it } from 'vitest';
import { isoChecksum } from '../../../src/templates/rules/iso-checksum.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(isoChecksum, ({ messages }) => {
  it('knows the old way, a missing one, and files of this machine', async () => {
    const legacy = (more: string, url = 'https://example.org/x.iso') => ({
      'a.json': `{"builders": [{"type": "qemu", "iso_url": "${url}"${more}}]}`,
    });
    expect(await messages(legacy(', "iso_checksum_type": "none"'))).toEqual([
      'nothing checks the base image',
    ]);
    expect(await messages(legacy(''))).toEqual(['iso_checksum is missing: nothing checks the base image']);
    expect(await messages(legacy('', './base.qcow2'))).toEqual([]);
    expect(await messages(legacy(', "iso_checksum": "{{user `sum`}}"'))).toEqual([]);
    expect(await messages(legacy(', "iso_checksum": "file:https://example.org/SHA256SUMS"'))).toEqual([]);
  });

  it('follows a variable to its default', async () => {
    const source = sourceBlock('  iso_checksum = var.sum');
    expect(
      await messages({ 'a.pkr.hcl': `${source}variable "sum" {\n  default = "none"\n}\n` }),
    ).toHaveLength(1);
    expect(await messages({ 'a.pkr.hcl': `${source}variable "sum" {}\n` })).toEqual([]);
  });
});
