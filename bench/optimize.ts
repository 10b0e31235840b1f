/**
 * imgopt optimize against what people use instead, alternating in one run:
 *
 *   IMGOPT_BENCH_DATA=FOLDER npm run bench:optimize [-- --runs 3] [--only ROW]
 *
 * FOLDER is one that bench/make-debian.sh filled: a 6 GiB disk.raw with a full Debian system and 1.5 GiB of
 * deleted data; it is made when it is not there. The same disk without deleted data is made beside it, from an
 * output of ours. Peers run with two threads where they can. ROW is a part of a row's name. virt-sparsify
 * (guestfs-tools), which takes minutes, only runs with --only sparsify: once, without a warm-up, and without KVM.
 * Prints one table: seconds of each, ratio and its bar, sizes and their bar, our peak memory.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alternate, IMGOPT, median } from './support/alternate.ts';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
});
const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.env.IMGOPT_BENCH_DATA ?? join(here, 'data'));
mkdirSync(folder, { recursive: true });
const dirty = join(folder, 'disk.raw');
if (!existsSync(dirty)) execFileSync('bash', [join(here, 'make-debian.sh'), folder], { stdio: 'inherit' });

const clean = join(folder, 'clean.raw');
if (!existsSync(clean)) sh(`${IMGOPT} optimize '${dirty}' -o '${clean}' --to raw --quiet`);
const ours = join(folder, 'bench-ours');
const peer = join(folder, 'bench-peer');
const copy = join(folder, 'bench-copy');

function sh(command: string): void {
  const run = spawnSync('bash', ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (run.status !== 0) throw new Error(`${command}: exit ${run.status}`);
}

function has(tool: string): boolean {
  return spawnSync('bash', ['-c', `command -v ${tool}`]).status === 0;
}

interface Work {
  readonly name: string;
  readonly input: string;
  readonly flags: string;
  /** Reads `$in`, writes `$out`. */
  readonly peer: string;
  /** Run untimed before each sample. */
  readonly before?: string;
  /** A tool that is slow and seldom installed: the row has to be asked for. */
  readonly needs?: string;
  readonly bar: number;
  readonly aim: number;
  /** Null where none is set. */
  readonly sizeBar: number | null;
  readonly runs?: number;
}

const ZLIB = '--to qcow2 --compress zlib';
const ZSTD = '--to qcow2 --compress zstd';
const CONVERT = 'qemu-img convert -f raw -O qcow2';
/** libvirt is not needed; a root user's would not reach our files. */
const GUESTFS = 'LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=force_tcg';
const WORKS: readonly Work[] = [
  {
    name: 'qcow2 zlib ÷ convert -c -m 8 -W',
    input: dirty,
    flags: ZLIB,
    peer: `${CONVERT} -c -m 8 -W $in $out`,
    bar: 0.4,
    aim: 0.25,
    sizeBar: 0.4,
  },
  {
    name: 'qcow2 zstd ÷ convert -c zstd -m 8 -W',
    input: dirty,
    flags: ZSTD,
    peer: `${CONVERT} -c -o compression_type=zstd -m 8 -W $in $out`,
    bar: 0.5,
    aim: 0.35,
    sizeBar: 0.4,
  },
  {
    name: 'clean, qcow2 zlib ÷ convert -c -m 8 -W',
    input: clean,
    flags: ZLIB,
    peer: `${CONVERT} -c -m 8 -W $in $out`,
    bar: 0.85,
    aim: 0.65,
    sizeBar: 1.01,
  },
  {
    name: 'clean, qcow2 zstd ÷ convert -c zstd -m 8 -W',
    input: clean,
    flags: ZSTD,
    peer: `${CONVERT} -c -o compression_type=zstd -m 8 -W $in $out`,
    bar: 1.0,
    aim: 0.9,
    sizeBar: 1.01,
  },
  {
    name: 'qcow2 zlib ÷ convert -c (Packer)',
    input: dirty,
    flags: ZLIB,
    peer: `${CONVERT} -c $in $out`,
    bar: 0.2,
    aim: 0.1,
    sizeBar: 0.4,
    runs: 1,
  },
  {
    name: 'clean, streamOptimized ÷ convert',
    input: clean,
    flags: '--to vmdk --subformat streamOptimized',
    peer: 'qemu-img convert -f raw -O vmdk -o subformat=streamOptimized $in $out',
    bar: 0.5,
    aim: 0.3,
    sizeBar: 1.01,
    runs: 1,
  },
  {
    name: 'qcow2 zlib ÷ virt-sparsify --compress',
    input: dirty,
    flags: ZLIB,
    peer: `${GUESTFS} virt-sparsify -q --format raw --compress --convert qcow2 $in $out`,
    needs: 'virt-sparsify',
    bar: 0.1,
    aim: 0.05,
    sizeBar: 1.01,
    runs: 1,
  },
  {
    name: 'qcow2 zstd ÷ virt-sparsify --in-place, then convert -c zstd',
    input: dirty,
    flags: ZSTD,
    before: `cp --sparse=always $in $copy`,
    peer:
      `${GUESTFS} virt-sparsify -q --format raw --in-place $copy && ` +
      `${CONVERT} -c -o compression_type=zstd $copy $out`,
    needs: 'virt-sparsify',
    bar: 0.2,
    aim: 0.1,
    sizeBar: null,
    runs: 1,
  },
  {
    name: 'raw.zst ÷ zstd -T2 -3',
    input: dirty,
    flags: '--to raw --compress zstd',
    peer: 'zstd -q -f -T2 -3 $in -o $out',
    bar: 0.5,
    aim: 0.3,
    sizeBar: 0.6,
  },
];

const only = values.only.toLowerCase();
process.stdout.write(
  '| work | ours | peer | time | bar (aim) | size | bar | memory |\n|---|---|---|---|---|---|---|---|\n',
);
for (const work of WORKS) {
  if (!work.name.toLowerCase().includes(only)) continue;
  const { needs } = work;
  if (needs !== undefined && (!has(needs) || !only.includes('sparsify'))) {
    const why = has(needs) ? 'asked for with --only sparsify' : `${needs} is not installed`;
    process.stdout.write(`| ${work.name} | | | | ${why} | | | |\n`);
    continue;
  }
  const fill = (command: string): string =>
    command
      .replaceAll('$in', `'${work.input}'`)
      .replaceAll('$out', `'${peer}'`)
      .replaceAll('$copy', `'${copy}'`);
  const runs = Math.min(Number(values.runs), work.runs ?? Infinity);
  // Each side's output stays until its own next turn, so both are there to be measured at the end.
  const result = alternate(
    `rm -f '${ours}'; ${IMGOPT} optimize '${work.input}' -o '${ours}' ${work.flags} --quiet`,
    `rm -f '${peer}'; ${fill(work.peer)}`,
    runs,
    work.before && fill(work.before),
    needs === undefined,
  );
  const seconds = (samples: typeof result.ours): string =>
    `${median(samples.map((one) => one.seconds)).toFixed(1)} s`;
  const size = (statSync(ours).size / statSync(peer).size).toFixed(3);
  const memory = Math.round(Math.max(...result.ours.map((one) => one.memory)) / 1e6);
  process.stdout.write(
    `| ${work.name} | ${seconds(result.ours)} | ${seconds(result.peers)} | ${result.ratio.toFixed(2)} | ${work.bar} (${work.aim}) | ${size} | ${work.sizeBar ?? ''} | ${memory} MB |\n`,
  );
  for (const path of [ours, peer, copy]) rmSync(path, { force: true });
}
