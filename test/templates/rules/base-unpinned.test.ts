import { expect, it } from 'vitest';
import { baseUnpinned } from '../../../src/templates/rules/base-unpinned.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(baseUnpinned, ({ messages }) => {
  it('is content with a checksum in the template', async () => {
    const url = '  iso_url = "https://example.org/current/debian.iso"\n';
    expect(
      await messages({ 'a.pkr.hcl': sourceBlock(`${url}  iso_checksum = "sha256:${'a'.repeat(64)}"`) }),
    ).toEqual([]);
    expect(await messages({ 'a.pkr.hcl': sourceBlock(`${url}  iso_checksum = "none"`) })).toHaveLength(1);
  });

  it('knows the clouds', async () => {
    const source = (type: string, lines: string) => ({
      'a.pkr.hcl': `source "${type}" "x" {\n${lines}\n}\n`,
    });
    expect(
      await messages(source('amazon-ebs', '  source_ami_filter {\n    most_recent = true\n  }')),
    ).toHaveLength(1);
    expect(await messages(source('amazon-ebs', '  source_ami = "ami-1"'))).toEqual([]);
    expect(await messages(source('googlecompute', '  source_image_family = "debian-12"'))).toHaveLength(1);
    expect(await messages(source('azure-arm', '  image_version = "latest"'))).toHaveLength(1);
    expect(await messages(source('docker', '  image = "debian"'))).toHaveLength(1);
    expect(await messages(source('docker', '  image = "debian:12.5"'))).toEqual([]);
    expect(
      await messages(source('docker', '  image = "registry.example.org:5000/debian:latest"')),
    ).toHaveLength(1);
  });
});
