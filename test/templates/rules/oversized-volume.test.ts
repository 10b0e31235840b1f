import { expect, it } from 'vitest';
import { oversizedVolume } from '../../../src/templates/rules/oversized-volume.ts';
import { describeRule } from '../support.ts';

describeRule(oversizedVolume, ({ messages }) => {
  it('reads a legacy template, with the value of its variable', async () => {
    const legacy = (size: string) =>
      `{"variables": {"size": "${size}"}, "builders": [{"type": "amazon-ebs", "launch_block_device_mappings": [{"device_name": "/dev/sda1", "volume_size": "{{user \`size\`}}"}]}]}`;
    expect(await messages({ 'a.json': legacy('100') })).toEqual([
      'every instance of this image pays for at least 100 GiB',
    ]);
    expect(await messages({ 'a.json': legacy('20') })).toEqual([]);
    expect(await messages({ 'a.json': legacy('') })).toEqual([]);
  });
});
