import { expect, it } from 'vitest';
import { qemuDetectZeroes } from '../../../src/templates/rules/qemu-detect-zeroes.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(qemuDetectZeroes, ({ messages }) => {
  it('takes "on" for enough and an unknown value for nothing to say', async () => {
    expect(await messages({ 'a.pkr.hcl': sourceBlock('  disk_detect_zeroes = "on"') })).toEqual([]);
    expect(
      await messages({ 'a.pkr.hcl': `${sourceBlock('  disk_detect_zeroes = var.z')}variable "z" {}\n` }),
    ).toEqual([]);
    expect(await messages({ 'a.pkr.hcl': sourceBlock('  disk_detect_zeroes = "off"') })).toHaveLength(1);
  });
});
