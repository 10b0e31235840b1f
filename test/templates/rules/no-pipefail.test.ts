import { expect, it } from 'vitest';
import { noPipefail } from '../../../src/templates/rules/no-pipefail.ts';
import { describeRule } from '../support.ts';

describeRule(noPipefail, ({ messages }) => {
  it('says it only of shells that have pipefail, and where nothing looks at the result', async () => {
    const line = 'curl -fsS https://example.org/x | tar -x';
    expect(await messages({ 'a.sh': `#!/bin/sh -e\n${line}\n` })).toEqual([]);
    expect(await messages({ 'a.sh': `#!/usr/bin/env bash\nset -e\n${line}\n` })).toHaveLength(1);
    expect(await messages({ 'a.sh': `#!/bin/bash -e\nif ${line}; then echo; fi\n` })).toEqual([]);
    expect(await messages({ 'a.sh': `#!/bin/bash\n${line}\n` })).toEqual([]);
  });
});
