/** What only shows on gigabytes: memory that does not grow, counters past 32 bits. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../support/cli.ts';
import { payload } from '../support/payload.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, findTool } from '../support/tools.ts';

const folder = temporaryFolder();
const MiB = 1024 * 1024;
const PIECES = 80;

describeWithTools(['gzip', 'zstd', 'time', 'bash'], '5 GiB through a pipe', () => {
  it.each([
    ['gzip --level 1', 'gzip -dc'],
    ['zstd', 'zstd -dc'],
  ])('%s at bounded memory, as %s reads it', (algorithm, reader) => {
    const piece = join(folder, 'piece');
    writeFileSync(piece, payload(64 * MiB, 11));
    const report = join(folder, 'time');
    const big = `for i in $(seq ${PIECES}); do cat ${piece}; done`;
    const imgopt = `${findTool('time')} -o ${report} -f %M ${process.execPath} ${join(ROOT, 'bin', 'run.js')}`;
    const run = spawnSync(
      'bash',
      [
        '-c',
        `set -o pipefail; (${big}) | ${imgopt} compress - -a ${algorithm} --threads 2 --quiet --stdout | ${reader} | cmp - <(${big})`,
      ],
      { encoding: 'utf8' },
    );
    expect(run.stdout + run.stderr).toBe('');
    expect(run.status).toBe(0);
    expect(Number(readFileSync(report, 'utf8')) / 1024).toBeLessThan(300);
  });
});
