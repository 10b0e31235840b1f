/**
 * imgopt compress and decompress against pigz and zstd, alternating in one run, each with two threads:
 *
 *   npm run bench:compress [-- --runs 5] [--only PATTERN]
 *
 * The data: IMGOPT_BENCH_TAR, a tar of a full Debian system (700 MB or more), and IMGOPT_BENCH_RAW, a raw image
 * with deleted data in its unused blocks. What is not given is made with bench/make-debian.sh in
 * IMGOPT_BENCH_FOLDER (default: a folder of that name under the system's temporary folder, kept for the next run).
 * A sparse image of 6 GiB that holds 1 GiB of the tar, scattered, is made beside them. Slow levels get a part of the
 * tar: its first 256 MiB at zstd 9, 96 MiB at 19.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, IMGOPT, median, row } from './support/alternate.ts';

const MiB = 1024 * 1024;
const { values } = parseArgs({
  options: { runs: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
});
const RUNS = Number(values.runs);
const ONLY = new RegExp(values.only, 'i');

const folder = process.env.IMGOPT_BENCH_FOLDER ?? join(tmpdir(), 'imgopt-bench-data');
mkdirSync(folder, { recursive: true });

function data(variable: string, name: string): string {
  const given = process.env[variable];
  if (given !== undefined) return given;
  const path = join(folder, name);
  if (!existsSync(path)) {
    const script = join(dirname(fileURLToPath(import.meta.url)), 'make-debian.sh');
    execFileSync('bash', [script, folder], { stdio: ['ignore', 'inherit', 'inherit'] });
  }
  return path;
}

/** The first `bytes` of a file, as a file. */
function part(path: string, bytes: number, name: string): string {
  const target = join(folder, name);
  if (!existsSync(target)) spawnSync('bash', ['-c', `head -c ${bytes} '${path}' > '${target}'`]);
  return target;
}

/** 6 GiB with 1 GiB of data in 128 stretches, as block groups of a filesystem scatter it. */
function sparse(path: string): string {
  const target = join(folder, 'sparse.raw');
  if (existsSync(target)) return target;
  const from = openSync(path, 'r');
  const to = openSync(target, 'wx');
  const buffer = Buffer.alloc(8 * MiB);
  for (let i = 0; i < 128; i++) {
    readSync(from, buffer, 0, buffer.length, (i * buffer.length) % (statSync(path).size - buffer.length));
    writeSync(to, buffer, 0, buffer.length, i * 48 * MiB + 4096 * (i % 7));
  }
  ftruncateSync(to, 6144 * MiB);
  closeSync(from);
  closeSync(to);
  return target;
}

const size = (path: string): number => statSync(path).size;

interface Work {
  readonly name: string;
  readonly bar: string;
  readonly aim: string;
  readonly ours: string;
  readonly peer: string;
  /** Outputs to compare in size. */
  readonly sizes?: readonly [string, string];
  readonly sizeBar?: string;
  readonly runs?: number;
}

const out = join(folder, 'ours.out');
const other = join(folder, 'peer.out');

function pair(
  name: string,
  input: string,
  algorithm: 'gzip' | 'zstd',
  level: number,
  bars: readonly [string, string, string],
  runs = RUNS,
): Work {
  const peer = algorithm === 'gzip' ? `pigz -p2 -${level} -c` : `zstd -q -T2 -${level} -c`;
  return {
    name,
    bar: bars[0],
    aim: bars[1],
    sizeBar: bars[2],
    runs,
    ours: `rm -f '${out}' && ${IMGOPT} compress '${input}' --threads 2 --quiet --force -a ${algorithm} -l ${level} -o '${out}'`,
    // The peer flushes its file too: what we promise is on the disk.
    peer: `rm -f '${other}' && ${peer} '${input}' > '${other}' && sync '${other}'`,
    sizes: [out, other],
  };
}

const tar = data('IMGOPT_BENCH_TAR', 'debian.tar');
const raw = data('IMGOPT_BENCH_RAW', 'disk.raw');
const zst = join(folder, 'bench.zst');
const gz = join(folder, 'bench.gz');
const works: Work[] = [
  pair('tar, gzip 6', tar, 'gzip', 6, ['0.75', '0.60', '1.01']),
  pair('tar, gzip 1', tar, 'gzip', 1, ['0.95', '0.80', '1.02']),
  pair('tar, zstd 3', tar, 'zstd', 3, ['1.05', '0.95', '1.005']),
  pair('raw with deleted data, gzip 6', raw, 'gzip', 6, ['0.75', '0.60', '1.01'], Math.min(RUNS, 2)),
  pair('raw with deleted data, zstd 3', raw, 'zstd', 3, ['1.05', '0.95', '1.005']),
  pair('256 MiB of tar, zstd 9', part(tar, 256 * MiB, 'part9'), 'zstd', 9, ['1.05', '0.95', '1.02']),
  pair(
    '96 MiB of tar, zstd 19',
    part(tar, 96 * MiB, 'part19'),
    'zstd',
    19,
    ['1.05', '0.95', '1.02'],
    Math.min(RUNS, 2),
  ),
  pair('6 GiB sparse, 1 GiB of data, zstd 3', sparse(tar), 'zstd', 3, ['0.80', '0.40', '']),
  {
    // Neither side waits for the disk here: what is decompressed can be made again.
    name: 'decompress our .zst to a file',
    bar: '0.80',
    aim: '0.55',
    ours: `rm -f '${out}' && ${IMGOPT} decompress '${zst}' --threads 2 --quiet --force -o '${out}'`,
    peer: `rm -f '${other}' && zstd -q -d -f '${zst}' -o '${other}'`,
  },
  {
    name: 'decompress .gz of pigz to a file',
    bar: '1.10',
    aim: '0.90',
    ours: `rm -f '${out}' && ${IMGOPT} decompress '${gz}' --threads 2 --quiet --force -o '${out}'`,
    peer: `rm -f '${other}' && pigz -p2 -dc '${gz}' > '${other}'`,
  },
];

function prepare(work: Work): void {
  if (work.ours.includes(zst) && !existsSync(zst)) {
    execFileSync('bash', ['-c', `${IMGOPT} compress '${tar}' --quiet -o '${zst}'`]);
  }
  if (work.ours.includes(gz) && !existsSync(gz)) {
    execFileSync('bash', ['-c', `pigz -p2 -c '${tar}' > '${gz}'`]);
  }
}

process.stdout.write(
  `node ${process.version}, ${availableParallelism()} cores, tar ${(size(tar) / 1e6).toFixed(0)} MB, ` +
    `raw ${(size(raw) / 2 ** 30).toFixed(1)} GiB\n\n` +
    '| work | imgopt | peer | time ratio | bar (aim) | peak memory | size ratio | bar | processor time ratio |\n|---|---|---|---|---|---|---|---|---|\n',
);
for (const work of works.filter(({ name }) => ONLY.test(name))) {
  prepare(work);
  const comparison = alternate(work.ours, work.peer, work.runs ?? RUNS);
  // On a machine that does other things too, this says more than wall time.
  const cpu = median(comparison.ours.map((one, i) => one.cpu / comparison.peers[i]!.cpu));
  const ratio = work.sizes === undefined ? '' : (size(out) / size(other)).toFixed(4);
  process.stdout.write(
    `${row(work.name, comparison, `${work.bar} (${work.aim})`)} ${ratio} | ${work.sizeBar ?? ''} | ${cpu.toFixed(2)} |\n`,
  );
}
spawnSync('rm', ['-f', out, other]);
