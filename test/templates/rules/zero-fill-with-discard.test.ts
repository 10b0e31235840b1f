import { expect, it } from 'vitest';
import { zeroFillWithDiscard } from '../../../src/templates/rules/zero-fill-with-discard.ts';
import { describeRule, provisioned } from '../support.ts';

describeRule(zeroFillWithDiscard, ({ messages }) => {
  it('says nothing where the disk does not discard, or the fill hangs on a condition', async () => {
    const script = '#!/bin/sh -e\ndd if=/dev/zero of=/zero bs=1M || true\n';
    expect(await messages(provisioned(script))).toHaveLength(1);
    expect(await messages(provisioned(script, '  disk_discard = "ignore"'))).toEqual([]);
    const guarded =
      '#!/bin/sh -e\nif [ "$PACKER_BUILDER_TYPE" != qemu ]; then\n  dd if=/dev/zero of=/zero bs=1M || true\nfi\n';
    expect(await messages(provisioned(guarded))).toEqual([]);
  });
});
