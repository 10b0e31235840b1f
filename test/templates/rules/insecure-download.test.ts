import { expect, it } from 'vitest';
import { insecureDownload } from '../../../src/templates/rules/insecure-download.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(insecureDownload, ({ messages }) => {
  const script = (text: string) => ({ 'a.sh': `#!/bin/sh -e\n${text}\n` });

  it('lets be what is checked, near, or no download', async () => {
    for (const text of [
      'wget http://example.com/x.tgz\necho "abc  x.tgz" | sha256sum -c -',
      'curl -O http://example.com/x\ngpg --verify x.asc x',
      'curl http://169.254.169.254/latest/meta-data/',
      'curl http://$PACKER_HTTP_ADDR/ks.cfg',
      'curl http://localhost:8080/',
      'curl -x http://proxy.example.com:3128 https://example.com/x',
      'echo http://example.com/',
      'zypper ar http://download.example.com/oss oss',
    ]) {
      expect(await messages(script(text)), text).toEqual([]);
    }
  });

  it('finds packages, clones and addresses made of variables', async () => {
    for (const text of [
      'dnf install -y http://example.com/x.rpm',
      'git clone http://example.com/x.git',
      'BASE=http://example.com\ncurl -fLO "$BASE/x"',
      'curl -fLO http://example.com/$X',
    ]) {
      expect(await messages(script(text)), text).toHaveLength(1);
    }
  });

  it('looks at base images whose checksum comes the same way, and at playbooks and kickstart files', async () => {
    const iso = (sum: string) => ({
      'a.pkr.hcl': sourceBlock(`  iso_url = "http://cdn.debian.org/x.iso"\n  iso_checksum = "${sum}"`),
    });
    expect(await messages(iso('file:http://cdn.debian.org/SHA256SUMS'))).toHaveLength(1);
    expect(await messages(iso('none'))).toHaveLength(1);
    expect(await messages(iso(`sha256:${'a'.repeat(64)}`))).toEqual([]);
    const play = (more: string) => ({
      'p.yml': `- hosts: all\n  tasks:\n    - get_url:\n        url: http://example.com/x\n        dest: /opt/x\n${more}`,
    });
    expect(await messages(play(''))).toHaveLength(1);
    expect(await messages(play('        checksum: sha256:abc\n'))).toEqual([]);
    expect(
      await messages({ 'ks.cfg': 'lang C\nkeyboard us\nurl --url=http://mirror.example.com/rocky/9\n' }),
    ).toEqual(['installs from http://']);
  });
});
