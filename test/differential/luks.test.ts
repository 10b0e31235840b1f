/** An encrypted partition: named, counted as not read, and kept to the byte. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { analyzeBooks } from '../../src/analyzers/books.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { noise, run } from '../support/optimize.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool, runToolSync } from '../support/tools.ts';

const folder = temporaryFolder();
const MiB = 1 << 20;

describeWithTools(['cryptsetup', 'sfdisk', 'blkid'], 'LUKS', () => {
  test.each(['luks1', 'luks2'])('%s in a partition', async (type) => {
    const volume = join(folder, `${type}.volume`);
    writeFileSync(volume, Buffer.alloc(20 * MiB));
    const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    runToolSync('cryptsetup', ['luksFormat', '-q', '--type', type, ...quick, volume, '-'], Buffer.from('x'));
    const uuid = (await runTool('blkid', ['-p', '-s', 'UUID', '-o', 'value', volume])).trim();
    const content = readFileSync(volume);
    noise(2 * MiB, 7).copy(content, 17 * MiB); // what the encryption would have written
    const disk = join(folder, `${type}.raw`);
    writeFileSync(disk, Buffer.alloc(22 * MiB));
    runToolSync('sfdisk', ['-q', disk], Buffer.from('label: gpt\nstart=2048, size=40960\n'));
    const file = openSync(disk, 'r+');
    writeSync(file, content, 0, content.length, MiB);
    closeSync(file);
    const found = await inspect(disk, new RunContext({ log: new DiagnosticLog() }), {
      drivers: createRegistry(),
    });
    expect(found.filesystems).toMatchObject([
      { type: 'crypto_LUKS', uuid, usage: 'container', section: null },
    ]);
    expect(found.diagnostics).toEqual([
      {
        code: 'IMGOPT_FILESYSTEM_NOT_READ',
        severity: 'error',
        message: `is encrypted (LUKS version ${type.at(-1)}): what it contains is not explained (20.0 MiB)`,
        where: `${disk} > gpt > 1 > crypto_LUKS`,
      },
    ]);
    const books = await analyzeBooks(found);
    expect(books.unread.bytes).toBe(20 * MiB);
    await found.close();
    const small = join(folder, `${type}.out`);
    await run(disk, small, { to: 'raw' });
    expect(
      readFileSync(small)
        .subarray(MiB, 21 * MiB)
        .equals(content),
    ).toBe(true);
  });
});
