/**
 * A guest's root as a folder of the host: made an image without mounting, analysed, and entered to run what imgopt
 * emits. What a script frees is counted by ext4 itself.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Advice, advise } from '../../src/analyzers/advise.ts';
import { analyzeBooks } from '../../src/analyzers/books.ts';
import { chosen, emit } from '../../src/analyzers/emit.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { Package } from '../../src/core/contracts/package.ts';
import type { Safety } from '../../src/core/contracts/report.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { createRegistry } from '../../src/registry.ts';
import { findTool } from './tools.ts';

export function run(command: string, ...args: string[]): string {
  return execFileSync(findTool(command) ?? command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: 'C', TMPDIR: '/tmp', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
}

/** Runs a program inside of the root; without being root, in a user namespace of its own. */
export function enter(tree: string, ...command: string[]): string {
  return process.getuid?.() === 0
    ? run('chroot', tree, ...command)
    : run('unshare', '--map-root-user', 'chroot', tree, ...command);
}

/** A file of so many bytes. */
export function write(tree: string, path: string, content: number | string | Uint8Array): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), typeof content === 'number' ? Buffer.alloc(content, path) : content);
}

/** Copies a program of the host with the libraries that it is linked with, under the paths that it has there. */
export function copyProgram(tree: string, program: string): void {
  const path = findTool(program)!;
  // `libc.so.6 => /lib/x/libc.so.6 (0x…)`, and the loader by its path alone.
  // A static program has none, and ldd says so on standard error.
  const { stdout } = spawnSync(findTool('ldd')!, [path], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map((match) => match[1]!);
  for (const file of [path, ...libraries]) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    // A link of busybox' would be followed, to the host's own.
    rmSync(join(tree, file), { force: true });
    copyFileSync(file, join(tree, file));
  }
}

/** Folders with merged /usr, /dev/null, busybox under the names of all its programs, and nothing that trims disks. */
export function makeBusyboxRoot(tree: string): void {
  for (const folder of [
    'usr/bin',
    'usr/sbin',
    'usr/lib',
    'usr/lib64',
    'etc',
    'var',
    'root',
    'home',
    'proc',
    'sys',
    'dev',
    'run',
  ]) {
    mkdirSync(join(tree, folder), { recursive: true });
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(tree, name));
  copyProgram(tree, 'busybox');
  enter(tree, '/bin/busybox', '--install', '-s');
  withoutTrimming(tree);
  if (process.getuid?.() === 0) run('mknod', join(tree, 'dev/null'), 'c', '1', '3');
}

/** In a chroot, fstrim would trim the host's own filesystem. */
export function withoutTrimming(tree: string): void {
  for (const path of ['usr/sbin/fstrim', 'sbin/fstrim']) {
    if (!existsSync(join(tree, dirname(path))) || lstatSync(join(tree, dirname(path))).isSymbolicLink())
      continue;
    rmSync(join(tree, path), { force: true });
    symlinkSync('/bin/true', join(tree, path));
  }
}

export interface GuestImage {
  readonly advice: Advice;
  readonly packages: readonly Package[];
  /** Bytes that ext4 counts as used. */
  readonly used: number;
}

/** @param size as mke2fs takes it */
export async function imageOf(tree: string, folder: string, size: string): Promise<GuestImage> {
  const path = join(folder, 'root.ext4');
  rmSync(path, { force: true });
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', '-d', tree, path, size);
  const fields = run('dumpe2fs', '-h', path);
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(fields)![1]);
  const inspection = await inspect(path, new RunContext({ log: new DiagnosticLog() }), {
    drivers: createRegistry(),
  });
  try {
    const advice = await advise(inspection, { books: await analyzeBooks(inspection, undefined) });
    const used = (field('Block count') - field('Free blocks')) * field('Block size');
    return { advice, packages: inspection.packages, used };
  } finally {
    await inspection.close();
    rmSync(path);
  }
}

export interface Outcome {
  readonly predicted: number;
  readonly freed: number;
  readonly rules: readonly string[];
  /** For a test's log. */
  readonly text: string;
}

/** Emits the script for a safety, holds it against shellcheck, runs it twice in the root and counts what that freed. */
export async function applyScript(
  tree: string,
  folder: string,
  size: string,
  safety: Safety,
): Promise<Outcome> {
  const before = await imageOf(tree, folder, size);
  const { resolved } = before.advice;
  const script = emit('shell', resolved, before.packages, { safety, artifact: 'root.ext4', version: '0' });
  writeFileSync(join(tree, 'imgopt.sh'), script);
  run('shellcheck', join(tree, 'imgopt.sh'));
  enter(tree, 'sh', '/imgopt.sh');
  enter(tree, 'sh', '/imgopt.sh'); // twice does no harm
  rmSync(join(tree, 'imgopt.sh'));
  const after = await imageOf(tree, folder, size);
  const steps = chosen(resolved, safety);
  const predicted = steps.reduce((sum, { suggestion }) => sum + suggestion.reclaimable, 0);
  const freed = before.used - after.used;
  const rules = steps.map(({ suggestion }) => suggestion.rule);
  const text = `${safety}: predicted ${predicted}, freed ${freed}, ratio ${(freed / predicted).toFixed(4)}; ${rules.join(' ')}`;
  return { predicted, freed, rules, text };
}
