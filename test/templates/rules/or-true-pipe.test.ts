import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { orTruePipe } from '../../../src/templates/rules/or-true-pipe.ts';
import { describeRule } from '../support.ts';

describeRule(orTruePipe, ({ fixed, lines }) => {
  it('finds it over continued lines, twice in one pipeline, and with a colon', async () => {
    const script =
      '#!/bin/bash -eux\ndpkg --list \\\n  | grep linux-image || true \\\n  | grep -v "$(uname -r)" || : \\\n  | xargs -r apt-get -y purge\n';
    expect(await lines({ 'a.sh': script })).toEqual([3, 4]);
  });

  it('lets be what is right', async () => {
    for (const line of [
      'rm x || true',
      'list | { grep x || true; } | xargs rm',
      '(grep x list || true) | xargs rm',
      'grep -q x y || echo none | tee log',
      'a || true; b | c',
      'a && true | b',
    ]) {
      expect(await lines({ 'a.sh': `#!/bin/sh -e\n${line}\n` }), line).toEqual([]);
    }
  });

  it('reads the precedence as a shell does', () => {
    // grep matches and prints; what follows the pipe gets the output of true, which is none.
    const broken = execFileSync('sh', ['-c', 'printf "x\\n" | grep x || true | sed s/^/got:/'], {
      encoding: 'utf8',
    });
    expect(broken).toBe('x\n');
    const right = execFileSync('sh', ['-c', 'printf "x\\n" | { grep x || true; } | sed s/^/got:/'], {
      encoding: 'utf8',
    });
    expect(right).toBe('got:x\n');
  });

  it('fixes what then runs as it was meant', async () => {
    const script = 'printf "x\\n" | grep x || true | sed s/^/got:/\n';
    const made = (await fixed({ 'a.sh': script }))['a.sh']!;
    expect(execFileSync('sh', ['-c', made], { encoding: 'utf8' })).toBe('got:x\n');
  });
});
