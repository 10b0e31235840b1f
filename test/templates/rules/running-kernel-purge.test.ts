import { expect, it } from 'vitest';
import { runningKernelPurge } from '../../../src/templates/rules/running-kernel-purge.ts';
import { describeRule, provisioned } from '../support.ts';

describeRule(runningKernelPurge, ({ lines }) => {
  const PURGE =
    'dpkg --list | awk \'/linux-image/ { print $2 }\' | grep -v "$(uname -r)" | xargs apt-get -y purge';

  it('wants an update before and no reboot between', async () => {
    expect(await lines(provisioned(`#!/bin/sh -e\napt-get -y upgrade\n${PURGE}\n`))).toEqual([3]);
    expect(await lines(provisioned(`#!/bin/sh -e\n${PURGE}\n`))).toEqual([]);
    expect(await lines(provisioned(`#!/bin/sh -e\napt-get -y upgrade\nreboot\n${PURGE}\n`))).toEqual([]);
    expect(await lines(provisioned(`#!/bin/sh -e\napt-get -y upgrade\napt-get -y purge nano\n`))).toEqual([]);
  });
});
