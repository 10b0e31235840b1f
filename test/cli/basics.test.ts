import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { failureJson, failureLine, toFailure } from '../../src/cli/errors.ts';
import { createProgress, describeProgress } from '../../src/cli/progress.ts';
import { corrupt, system, unsupported, usage } from '../../src/core/errors.ts';
import { imgopt, ROOT } from '../support/cli.ts';

describe('the command line', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const { code, stdout } = await imgopt(['--version']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(new RegExp(`^imgopt/${version} `)),
    });
  });

  it('answers an unknown command and an unknown flag with one line and exit 2', async () => {
    for (const args of [['frobnicate'], ['analyze', '--frobnicate', 'x'], ['analyze']]) {
      const { code, stdout, stderr } = await imgopt(args);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
      expect(stderr).toMatch(/^imgopt: IMGOPT_USAGE: .+\n$/);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  it('says on one line which Node it needs, exit 2, when started with an older one', async () => {
    // process.versions is read-only to scripts but not to a preloaded one: the same path an old Node takes.
    const preload = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"20.20.2"}})';
    const run = promisify(execFile)(process.execPath, [
      '--import',
      preload,
      join(ROOT, 'bin', 'run.js'),
      '--version',
    ]);
    const error = (await run.then(
      () => undefined,
      (reason: unknown) => reason,
    )) as { code: number; stderr: string };
    expect(error.code).toBe(2);
    expect(error.stderr).toMatch(
      /^imgopt: IMGOPT_NODE_TOO_OLD: needs Node\.js 22\.15 or newer, this is 20\.20\.2; install .+\n$/,
    );
  });

  it('ends quietly when whoever reads its help goes away', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'run.js'), 'compress', '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('failures', () => {
  it('carry code, place, message and advice on one line, with names escaped', () => {
    const error = corrupt('X_BAD', 'points to\nnowhere', { advice: 'copy it again' }).within(
      'evil\u001b[2J.qcow2',
    );
    expect(failureLine(toFailure(error))).toBe(
      'imgopt: IMGOPT_X_BAD: evil\\x1b[2J.qcow2: points to\\nnowhere; copy it again',
    );
    expect(failureJson(toFailure(error)).error).toMatchObject({ code: 'IMGOPT_X_BAD', exitCode: 3 });
  });

  it.each([
    [corrupt('A', ''), 3],
    [unsupported('A', ''), 3],
    [usage('A', ''), 2],
    [system(Object.assign(new Error('x'), { code: 'ENOSPC' })), 4],
    [new TypeError('x is not a function'), 70],
    [new DOMException('stop', 'AbortError'), 130],
  ])('%s ends with exit code %d', (error, exitCode) => expect(toFailure(error).exitCode).toBe(exitCode));
});

describe('progress', () => {
  it('shows a bar only after half a second, and clears it', () => {
    const written: string[] = [];
    let now = 0;
    const task = createProgress(
      'bar',
      { write: (text) => void written.push(text), columns: 80 },
      () => now,
    ).start('reading', 4096);
    now = 400;
    task.advance(1024);
    expect(written).toEqual([]);
    now = 1000;
    task.advance(1024);
    expect(written.at(-1)).toContain('reading 2.0 KiB of 4.0 KiB, 2.0 KiB/s, 1 s left');
    task.done();
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('prints plain lines, seconds apart, under CI', () => {
    const written: string[] = [];
    let now = 0;
    const task = createProgress(
      'plain',
      { write: (text) => void written.push(text), columns: 80 },
      () => now,
    ).start('reading', 0);
    for (now = 0; now <= 12_000; now += 100) task.advance(1);
    expect(written).toHaveLength(2);
    for (const line of written) expect(line).toMatch(/^reading [^\r\u001b]+\n$/);
  });

  it('never divides by nothing', () => expect(describeProgress('x', 0, 0, 0)).toBe('x 0 B'));
});
