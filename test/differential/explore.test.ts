/** `imgopt explore` in a real terminal, by keys; sizes are debugfs's, and shellcheck reads what it writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { formatSize } from '../../src/core/size.ts';
import { imgopt } from '../support/cli.ts';
import { fixtureExpected, fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';
import { Terminal } from '../support/tmux.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

/** Kind, size, bytes of blocks, links, package. */
type Entry = [string, number, number, number, string | null];

const READY = /\? help {2}q quit/;

describeWithTools(['tmux', 'shellcheck'], 'explore', () => {
  const folder = temporaryFolder();
  const image = fixturePath('debian-mini/debian-mini.qcow2');
  const { files, packages } = fixtureExpected<{
    files: Record<string, Entry>;
    packages: { name: string; allocated: number }[];
  }>('debian-mini');
  let terminal: Terminal | undefined;

  const blocksOf = (directory: string): number =>
    Object.entries(files)
      .filter(([path]) => path === directory || path.startsWith(`${directory}/`))
      .reduce(
        (sum, [, [kind, , blocks, links]]) => sum + (kind === 'directory' ? blocks : blocks / links),
        0,
      );
  const start = async (args: readonly string[], columns = 80, rows = 24): Promise<Terminal> => {
    terminal = new Terminal();
    await terminal.start(['explore', ...args], columns, rows, folder);
    return terminal;
  };
  const line = (screen: string, name: string): string =>
    screen.split('\n').find((one) => one.includes(` ${name}`)) ?? '';

  afterEach(() => {
    terminal?.stop();
    terminal = undefined;
  });

  test('walks through directories, with the sizes of debugfs, and leaves the terminal as it was', async () => {
    const it = await start([image]);
    const first = await it.until(READY);
    expect(first).not.toContain('BEFORE');
    expect(line(first, 'usr/')).toContain(formatSize(blocksOf('/usr')));
    expect(line(first, 'var/')).toContain(formatSize(blocksOf('/var')));
    await it.press('Right');
    const inside = await it.until(/^ \/usr /m);
    expect(line(inside, 'bin/')).toContain(formatSize(blocksOf('/usr/bin')));
    await it.press('Left');
    await it.until(/^ \/ /m);
    await it.press('q');
    const last = await it.until(/EXIT 0/);
    expect(last).toContain('BEFORE');
    expect(last).not.toContain('Directories');
  });

  test('marks, predicts and writes a script that shellcheck accepts', async () => {
    const it = await start([image]);
    await it.until(READY);
    await it.press('2');
    const list = await it.until(/package +files/);
    const [largest] = [...packages].sort((a, b) => b.allocated - a.allocated);
    expect(list.split('\n')[4]).toContain(`${formatSize(largest!.allocated)}`);
    expect(list.split('\n')[4]).toContain(largest!.name);
    await it.press('Space');
    await it.until(/the machine needs/);
    await it.press('1', 'Right', '/', 'bin', 'Enter');
    await it.until(/only names with ‘bin’/);
    await it.press('Right', 'Space');
    const marked = await it.until(/1 marked: .+ go/);
    const [biggest] = Object.entries(files)
      .filter(([path, [kind]]) => path.startsWith('/usr/bin/') && kind === 'regular')
      .sort(([, a], [, b]) => b[2] - a[2]);
    expect(marked).toContain(`1 marked: ${formatSize(biggest![1][2])} go`);
    await it.press('p');
    await it.until(/optimize --compress zstd would write .+ → .+ \(± .+\)/);
    await it.press('w', 'Enter');
    await it.until(/wrote imgopt-cleanup\.sh/);
    const script = join(folder, 'imgopt-cleanup.sh');
    expect(readFileSync(script, 'utf8')).toContain(`rm -rf ${biggest![0]}\n`);
    await runTool('shellcheck', [script]);
    // What is there is not overwritten.
    await it.press('w', 'Enter');
    await it.until(/not written: .*exists already/);
    await it.press('u');
    await it.until(/Nothing is marked/);
  });

  test('follows the size of the terminal', async () => {
    const it = await start([image], 140, 40);
    const wide = await it.until(READY);
    expect(
      wide
        .split('\n')
        .slice(0, 40)
        .every((one) => one.length <= 140),
    ).toBe(true);
    await it.press('3');
    expect(await it.until(/what could be removed/)).toMatch(/ rule$/m);
    await it.resize(80, 24);
    const narrow = await it.until(/^(?![\s\S]* rule$)[\s\S]*frees safety/m);
    expect(narrow.split('\n')[0]).toContain('on disk');
    expect(
      narrow
        .split('\n')
        .slice(0, 24)
        .every((one) => one.length <= 80),
    ).toBe(true);
    await it.resize(39, 24);
    await it.until(/too small/);
    await it.resize(80, 24);
    await it.until(READY);
    await it.press('?');
    const help = await it.until(/Any key closes the help/);
    for (const word of ['Space', 'quit', 'script', 'sort']) expect(help).toContain(word);
    await it.press('x');
    await it.until(READY);
  });

  test('tells what there is to know of a suggestion', async () => {
    const it = await start([image]);
    await it.until(READY);
    await it.press('3', 'Enter');
    const details = await it.until(/ {2}why /);
    expect(details).toMatch(/ {2}safety +safe/);
    expect(details).toMatch(/ {2}commands /);
    await it.press('Escape');
    await it.until(READY);
  });

  test('explores a saved report with what it lists', async () => {
    const saved = join(folder, 'saved.json');
    writeFileSync(saved, (await imgopt(['analyze', image, '--json'])).stdout);
    const it = await start([saved]);
    const first = await it.until(READY);
    expect(first).toContain('the largest of');
    await it.press('3', 'Space');
    await it.until(/1 marked: .+ go/);
    await it.press('2', 'Space');
    await it.until(/2 marked: at most .+ go, files .+ → ≥ /);
    await it.press('q');
    await it.until(/EXIT 0/);
  });

  test('names cannot drive the terminal', async () => {
    const report = JSON.parse((await imgopt(['analyze', image, '--json'])).stdout) as {
      files: { path: string; allocated: number; size: number }[];
      packages: { name: string }[];
    };
    const evil = '/\u001b[2J\u001b]0;owned\u0007\u202eevil\nline';
    report.files.unshift({ ...report.files[0]!, path: evil, allocated: 900_000_000, size: 5 });
    report.packages[0]!.name = evil;
    const saved = join(folder, 'evil.json');
    writeFileSync(saved, JSON.stringify(report));
    const it = await start([saved], 120, 30);
    const first = await it.until(READY);
    expect(first).toContain('\\x1b[2J\\x1b]0;owned\\x07\\u{202e}evil\\nline');
    await it.press('Space', '2');
    expect(await it.until(/package +version/)).toContain('\\x1b[2J\\x1b]0;owned');
    await it.press('Enter');
    await it.until(/ {2}manager/);
  });

  test('Ctrl-C interrupts, and the terminal is as it was', async () => {
    const it = await start([image]);
    await it.until(READY);
    await it.press('C-c');
    const last = await it.until(/EXIT 130/);
    expect(last).toContain('BEFORE');
  });

  test('without a terminal it is wrong usage', async () => {
    const { code, stdout, stderr } = await imgopt(['explore', image]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^imgopt: IMGOPT_NO_TERMINAL: .*; use imgopt analyze.*\n$/);
  });

  test('what is no image fails as it does everywhere', async () => {
    writeFileSync(join(folder, 'text'), 'nothing to see here\n'.repeat(100));
    const it = await start(['text']);
    expect(await it.until(/EXIT 3/)).toContain('IMGOPT_');
  });
});
