/**
 * Times us and a peer in the same run, alternating, so that a machine whose speed drifts is unfair to both alike.
 * Wall time and peak memory come from GNU time, of the whole process, start-up included. The ratio is taken pair
 * by pair; its median is the figure to quote.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** imgopt as it ships: the compiled code, on this Node. */
export const IMGOPT = `${process.execPath} ${join(ROOT, 'bin', 'run.js')}`;

export interface Sample {
  readonly seconds: number;
  /** Processor time, user and system, of the command and its children. */
  readonly cpu: number;
  /** Peak resident size of the largest process, in bytes. */
  readonly memory: number;
}

export interface Comparison {
  readonly ours: readonly Sample[];
  readonly peers: readonly Sample[];
  /** Median of ours ÷ peer, pair by pair. */
  readonly ratio: number;
}

/** Runs a shell command line once. @throws Error with its standard error when it fails */
export function sample(command: string): Sample {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-bench-'));
  const report = join(folder, 'time');
  try {
    const run = spawnSync(
      '/usr/bin/time',
      ['-o', report, '-f', '%e %M %U %S', 'bash', '-c', `set -o pipefail; ${command}`],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        maxBuffer: 1 << 28,
      },
    );
    if (run.status !== 0) throw new Error(`${command}: exit ${run.status}: ${run.stderr}`);
    const [seconds, kilobytes, user, kernel] = readFileSync(report, 'utf8')
      .trim()
      .split('\n')
      .at(-1)!
      .split(' ')
      .map(Number);
    return { seconds: seconds!, cpu: user! + kernel!, memory: kilobytes! * 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * `before` runs untimed before every sample: to remove an output, say. One pair more comes first and does not count,
 * unless `warmUp` is false.
 */
export function alternate(ours: string, peer: string, runs = 5, before?: string, warmUp = true): Comparison {
  const result = { ours: [] as Sample[], peers: [] as Sample[] };
  for (let run = warmUp ? -1 : 0; run < runs; run++) {
    if (before !== undefined) sample(before);
    const a = sample(ours);
    if (before !== undefined) sample(before);
    const b = sample(peer);
    if (run < 0) continue;
    result.ours.push(a);
    result.peers.push(b);
  }
  return { ...result, ratio: median(result.ours.map((a, i) => a.seconds / result.peers[i]!.seconds)) };
}

/** One line of a result table. */
export function row(name: string, comparison: Comparison, bar: string): string {
  const seconds = (samples: readonly Sample[]): string =>
    `${median(samples.map((s) => s.seconds)).toFixed(2)} s`;
  const memory = `${Math.round(Math.max(...comparison.ours.map((s) => s.memory)) / 2 ** 20)} MiB`;
  return `| ${name} | ${seconds(comparison.ours)} | ${seconds(comparison.peers)} | ${comparison.ratio.toFixed(2)} | ${bar} | ${memory} |`;
}
