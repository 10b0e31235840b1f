/** The size that an artifact ships in, sampled and measured, beside what gzip makes of it. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { imgopt } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const MiB = 1024 * 1024;
/** More pieces than are sampled. */
const PIECES = 272;
/** Two implementations of deflate differ by so much on the same bytes. */
const DEFLATES_DIFFER = 0.03;

describeWithTools(['gzip', 'bash', 'mke2fs'], 'compressed size', () => {
  const folder = temporaryFolder();
  const image = join(folder, 'disk.raw');
  let packed = 0;

  beforeAll(async () => {
    const fd = openSync(image, 'w');
    for (let piece = 0; piece < PIECES; piece++) {
      // Noise, text and nothing, in no order that a sample could fall in step with.
      const kind = (piece * 7 + (piece >> 3)) % 3;
      const noise = randomBytes(kind === 0 ? MiB : kind === 1 ? MiB / 2 : 0);
      const bytes = kind === 1 ? Buffer.from(noise.toString('hex')) : kind === 0 ? noise : Buffer.alloc(MiB);
      writeSync(fd, bytes, 0, MiB, piece * MiB);
    }
    closeSync(fd);
    // A filesystem, so that it is an image; what was there stays in its unused blocks.
    await runTool('mke2fs', ['-q', '-F', '-t', 'ext4', '-E', 'nodiscard,lazy_itable_init=1', image]);
    packed = Number(await runTool('bash', ['-c', `gzip -6 -c '${image}' | wc -c`]));
  });

  async function check(limit: number) {
    const config = join(folder, `${limit}.yml`);
    writeFileSync(config, `budgets:\n  limits:\n    - { measure: compressed, codec: gzip, max: ${limit} }\n`);
    const { stdout } = await imgopt(['check', image, '--config', config, '--json']);
    return JSON.parse(stdout).budgets[0];
  }

  test('a sample holds what gzip makes of it, and says how sure it is', async () => {
    const budget = await check(packed * 2);
    expect(budget).toMatchObject({
      evidence: 'sampled',
      status: 'pass',
      how: `256 of ${PIECES} pieces compressed with gzip`,
    });
    // The interval holds the truth 95 times in 100; a half more than that nearly always.
    expect(Math.abs(budget.value - packed)).toBeLessThan(budget.error * 1.5 + packed * DEFLATES_DIFFER);
    expect(budget.error).toBeLessThan(packed * 0.1);
  });

  test('where the limit is too near for a sample to tell, all of it is compressed', async () => {
    const budget = await check(packed);
    expect(budget).toMatchObject({ evidence: 'measured', error: 0, how: 'compressed with gzip' });
    expect(Math.abs(budget.value - packed)).toBeLessThan(packed * DEFLATES_DIFFER);
  });
});
