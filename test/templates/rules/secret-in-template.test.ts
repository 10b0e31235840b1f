import { expect, it } from 'vitest';
import { secretInTemplate } from '../../../src/templates/rules/secret-in-template.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(secretInTemplate, ({ messages }) => {
  // Split, so that no scanner takes them for real.
  const AWS = `AKIA${'IOSFODNN7EXAMPLE'}`;

  it('finds secrets by name and by form', async () => {
    expect(await messages({ 'a.pkr.hcl': sourceBlock('  api_token = "3f786850e387550fdab8"') })).toEqual([
      'api_token holds a secret',
    ]);
    expect(await messages({ 'a.sh': `#!/bin/sh -e\nexport KEY=${AWS}\n` })).toEqual([
      'is a secret by its form',
    ]);
    expect(await messages({ 'a.sh': '#!/bin/sh -e\nGITHUB_TOKEN=3f786850e387550fdab8 ./run\n' })).toEqual([
      'sets GITHUB_TOKEN to a secret',
    ]);
    expect(
      await messages({
        'user-data': `#cloud-config\nruncmd:\n  - echo\n# -----BEGIN OPENSSH ${'PRIVATE'} KEY-----\n`,
      }),
    ).toHaveLength(1);
  });

  it('lets references, paths, placeholders and names be', async () => {
    for (const line of [
      'api_token = var.token',
      'api_token = "your-token-1234567890"',
      'private_key = "/etc/ssl/key1234567.pem"',
      'secret_key_id = "3f786850e387550fdab8"',
      'token = ""',
      'vm_name = "3f786850e387550fdab8"',
      'client_secret = "changeme-123456"',
    ]) {
      expect(
        await messages({ 'a.pkr.hcl': `${sourceBlock(`  ${line}`)}variable "token" {}\n` }),
        line,
      ).toEqual([]);
    }
  });

  it('tells of a variable once, where it is set', async () => {
    const source = sourceBlock('  api_token = var.token');
    expect(
      await messages({ 'a.pkr.hcl': `${source}variable "token" {\n  default = "3f786850e387550fdab8"\n}\n` }),
    ).toEqual(['the variable token has a secret as its default']);
  });
});
