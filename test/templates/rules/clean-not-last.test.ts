import { expect, it } from 'vitest';
import { cleanNotLast } from '../../../src/templates/rules/clean-not-last.ts';
import { buildBlock, describeRule, provisioned, sourceBlock } from '../support.ts';

describeRule(cleanNotLast, ({ messages }) => {
  it('finds installations that nothing cleans after', async () => {
    expect(await messages(provisioned('#!/bin/sh -e\ndnf install -y jq\n'))).toEqual([
      'no step cleans the package cache after this: dnf clean all',
    ]);
    expect(await messages(provisioned('#!/bin/sh -e\ndnf install -y jq\nrm -rf /var/cache/dnf\n'))).toEqual(
      [],
    );
    expect(await messages(provisioned('#!/bin/sh -e\napk add --no-cache jq\n'))).toEqual([]);
    expect(await messages(provisioned('#!/bin/sh -e\napk add jq\n'))).toHaveLength(1);
  });

  it('keeps managers apart, and does not judge what may not run', async () => {
    expect(await messages(provisioned('#!/bin/sh -e\napt-get install -y jq\ndnf clean all\n'))).toHaveLength(
      1,
    );
    expect(
      await messages(provisioned('#!/bin/sh -e\napt-get clean\nif x; then\n  apt-get install -y jq\nfi\n')),
    ).toEqual([]);
  });

  it('reads the order over provisioners and playbooks', async () => {
    const files = {
      'a.pkr.hcl':
        sourceBlock('') +
        buildBlock(
          '  provisioner "shell" {\n    inline = ["apt-get clean"]\n  }\n  provisioner "ansible" {\n    playbook_file = "play.yml"\n  }',
        ),
      'play.yml':
        '- hosts: all\n  tasks:\n    - name: tools\n      ansible.builtin.apt:\n        name: [jq, curl]\n',
    };
    expect(await messages(files)).toEqual(['comes after the package cache was cleaned for the last time']);
  });
});
