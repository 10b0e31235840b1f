/** The size that --what-if foretells, against an image that was built without what it asks about. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { imgopt } from '../support/cli.ts';
import { run, write } from '../support/guest-root.ts';
import { describeWithTools } from '../support/tools.ts';

/** Letters of a small alphabet, a different one for each seed: content that shrinks to a share of itself. */
function text(seed: number, length: number): Buffer {
  let state = seed;
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = 97 + ((state >>> 24) % (2 + (seed % 20)));
  }
  return bytes;
}

describeWithTools(['mke2fs', 'qemu-img'], 'what-if', () => {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-what-if-'));
  const tree = join(folder, 'tree');
  const image = (name: string): string => join(folder, name);

  /** ext4 of the tree as it is, and what qemu-img makes of it. */
  function build(name: string): number {
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', '-d', tree, image(`${name}.raw`), '192M');
    run(
      'qemu-img',
      'convert',
      '-O',
      'qcow2',
      '-c',
      '-o',
      'compression_type=zstd',
      image(`${name}.raw`),
      image(`${name}.qcow2`),
    );
    return statSync(image(`${name}.qcow2`)).size;
  }
  let before: number;

  beforeAll(() => {
    mkdirSync(tree);
    write(tree, 'etc/os-release', 'ID=x\n');
    for (let i = 0; i < 300; i++) write(tree, `usr/share/many/file ${i}`, text(i + 1, 20_000 + 97 * i));
    for (let i = 0; i < 20; i++) write(tree, `usr/lib/large-${i}`, text(400 + i, 1_500_000));
    for (let i = 0; i < 10; i++) write(tree, `opt/other-${i}`, text(500 + i, 2_000_000));
    for (const name of ['usr', 'bin', 'sbin', 'lib', 'var', 'root', 'home', 'dev', 'proc'])
      mkdirSync(join(tree, name), { recursive: true });
    before = build('before');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['many small files', ['/usr/share/many']],
    ['some large ones as well', ['/usr/lib/large-3', '/usr/lib/large-11', '/opt']],
  ])('without %s', async (name, paths) => {
    const { code, stdout } = await imgopt([
      'analyze',
      image('before.raw'),
      '--json',
      '--what-if',
      paths.join(','),
    ]);
    expect(code).toBe(0);
    const { prediction, suggestions } = JSON.parse(stdout) as Report;
    for (const path of paths) rmSync(join(tree, path), { recursive: true, force: true });
    const after = build('after');
    console.log(
      `${name}: before ${before} (≈ ${prediction!.before.compressed}), after ${after} (≈ ${prediction!.after.compressed} ± ${prediction!.error})`,
    );
    // qemu compresses at its own level; a few per cent are the codec's, the rest the samples'.
    expect(Math.abs(prediction!.before.compressed - before)).toBeLessThan(before * 0.05 + prediction!.error);
    expect(Math.abs(prediction!.after.compressed - after)).toBeLessThan(after * 0.05 + prediction!.error);
    expect(prediction!.before.uncompressed - prediction!.after.uncompressed).toBe(
      suggestions.reduce((sum, one) => sum + one.reclaimable, 0),
    );
    before = build('before');
  });

  it('tells people too', async () => {
    const { stdout } = await imgopt(['analyze', image('before.raw'), '--what-if', '/etc']);
    expect(stdout).toMatch(
      /Optimized afterwards \(qcow2\): [\d.]+ MiB uncompressed, ≈ [\d.]+ MiB ± [\d.]+ \w+ with/,
    );
  });
});
