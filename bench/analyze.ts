/**
 * `imgopt analyze` beside Sleuth Kit's `fls -r -l` and debugfs's `ls -l` of every directory of the same filesystem.
 *
 *   npm run bench:analyze            needs bench/make-debian.sh's output in IMGOPT_BENCH_DATA (default bench/data)
 *
 * The peers get the bare filesystem and only list it (debugfs, which does not walk by itself, is handed the list of
 * directories, made beforehand); imgopt opens the qcow2, finds the partitions, reads the
 * package database and writes the whole report. A second image of a million files shows how the cost grows.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alternate, IMGOPT, median, ROOT, row, sample } from './support/alternate.ts';

const data = process.env.IMGOPT_BENCH_DATA ?? join(ROOT, 'bench', 'data');
const runs = Number(process.env.IMGOPT_BENCH_RUNS ?? 7);
const at = (name: string): string => join(data, name);
const shell = (line: string): void => void execFileSync('bash', ['-euc', line], { stdio: 'inherit' });

mkdirSync(data, { recursive: true });
if (!existsSync(at('disk.raw'))) shell(`${join(ROOT, 'bench', 'make-debian.sh')} '${data}'`);
if (!existsSync(at('disk.qcow2')))
  shell(`qemu-img convert -O qcow2 '${at('disk.raw')}' '${at('disk.qcow2')}'`);
if (!existsSync(at('copies.ext4'))) makeCopies();
if (!existsSync(at('million.ext4'))) makeMillion();

process.stdout.write(
  '| work | imgopt | peer | ratio | bar | imgopt peak memory |\n|---|---|---|---|---|---|\n',
);
const report = `${IMGOPT} analyze --json --no-progress '${at('disk.qcow2')}'`;
const fls = alternate(report, `fls -r -l '${at('root.ext4')}'`, runs);
process.stdout.write(
  `${row('analyze --json, 6 GiB qcow2, against fls -r -l', fls, '≤ 1.00, aim 0.45; < 250 MB')}\n`,
);
const { directories, lines } = listDirectories();
const walk = `debugfs -f '${at('walk.cmd')}' '${at('root.ext4')}' 2>/dev/null`;
const debugfs = alternate(report, walk, runs);
process.stdout.write(
  `${row(`the same against debugfs: ls -l of ${directories} directories, ${lines} lines`, debugfs, '-')}\n`,
);
const oneRule = alternate(report, `${report} --rule dpkg-old`, runs);
process.stdout.write(`${row('all rules against one rule', oneRule, '≤ 1.3')}\n`);
const deep = `${IMGOPT} analyze --json --no-progress --deep '${at('copies.ext4')}'`;
const withDuplicates = alternate(`${deep} --rule duplicate-files`, `cat '${at('copies.ext4')}'`, runs);
const without = alternate(`${deep} --rule dpkg-old`, 'true', runs);
const reading =
  median(withDuplicates.ours.map((one) => one.seconds)) - median(without.ours.map((one) => one.seconds));
const cat = median(withDuplicates.peers.map((one) => one.seconds));
process.stdout.write(
  `| --deep: duplicates of 1 GiB in pairs, without the rest of the run, against cat | ${reading.toFixed(2)} s | ${cat.toFixed(2)} s | ` +
    `${(reading / cat).toFixed(2)} | ≤ 1.25 | |\n`,
);
const start = alternate(`${IMGOPT} --version`, `${process.execPath} -e 0`, runs);
process.stdout.write(`${row('imgopt --version against node -e 0', start, '≤ 1.5 × + 150 ms')}\n`);

const saved = at('report.json');
shell(`${IMGOPT} analyze --json --top 0 --no-progress '${at('disk.qcow2')}' >'${saved}'`);
const check = Array.from(
  { length: runs },
  () => sample(`${IMGOPT} check '${saved}' --baseline '${saved}' --max-growth 5%`).seconds,
);
process.stdout.write(
  `\ncheck of a saved report against another, every file listed: ${median(check).toFixed(2)} s (bar: < 0.5 s)\n`,
);

sample(`${IMGOPT} analyze --json --no-progress '${at('million.ext4')}'`);
const small = Array.from({ length: runs }, () => sample(report));
const large = Array.from({ length: 3 }, () =>
  sample(`${IMGOPT} analyze --json --no-progress '${at('million.ext4')}'`),
);
const files = Number(
  execFileSync('bash', ['-c', `${report} | jq '.totals.files + .totals.directories + .totals.symlinks'`], {
    encoding: 'utf8',
  }),
);
const perFile = (samples: readonly { seconds: number }[], count: number): number =>
  (median(samples.map((one) => one.seconds)) / count) * 1e6;
process.stdout.write(
  `\n${files} entries: ${perFile(small, files).toFixed(1)} µs each; 1,000,000 files: ${perFile(large, 1_000_000).toFixed(1)} µs each, ` +
    `peak ${Math.round(Math.max(...large.map((one) => one.memory)) / 1e6)} MB (bar: no more per file; < 700 MB)\n`,
);

/** Writes a script that lists every directory of root.ext4, and runs it once: that it lists what there is. */
function listDirectories(): { directories: number; lines: number } {
  const root = at('root.ext4');
  const found = execFileSync('bash', ['-c', `fls -r -D -p '${root}'`], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const inodes = [...found.matchAll(/^d\/d (\d+):/gm)].map(([, inode]) => inode!);
  writeFileSync(at('walk.cmd'), ['2', ...inodes].map((inode) => `ls -l <${inode}>\n`).join(''));
  const listed = execFileSync('debugfs', ['-f', at('walk.cmd'), root], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = [...listed.matchAll(/^ +[1-9]\d* +\d+ \(\d+\) /gm)].length;
  if (lines < 2 * inodes.length)
    throw new Error(`debugfs lists ${lines} entries of ${inodes.length} directories`);
  return { directories: inodes.length + 1, lines };
}

/** Pairs of equal files, 32 MiB each, and nothing else: what finding duplicates must read whole. */
function makeCopies(): void {
  shell(`rm -rf '${at('copies')}'; mkdir -p '${at('copies')}/usr/share' '${at('copies')}/etc'
    echo ID=x >'${at('copies')}/etc/os-release'
    for i in $(seq 16); do
      head -c 33554432 /dev/urandom >'${at('copies')}/usr/share/a'$i; cp '${at('copies')}/usr/share/a'$i '${at('copies')}/usr/share/b'$i
    done
    truncate -s 1100M '${at('copies.ext4')}.part'
    mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d '${at('copies')}' '${at('copies.ext4')}.part'
    mv '${at('copies.ext4')}.part' '${at('copies.ext4')}'; rm -r '${at('copies')}'`);
}

/** A million small files in a thousand directories, written by debugfs into an empty filesystem: no mount. */
function makeMillion(): void {
  const script = at('million.cmd');
  const lines: string[] = [];
  writeFileSync(at('tiny'), 'x\n');
  for (let directory = 0; directory < 1000; directory++) {
    lines.push(`mkdir d${directory}`, `cd d${directory}`);
    for (let file = 0; file < 1000; file++) lines.push(`write ${at('tiny')} f${file}`);
    lines.push('cd /');
  }
  writeFileSync(script, lines.join('\n'));
  shell(`truncate -s 8G '${at('million.ext4')}.part'
    mke2fs -q -F -t ext4 -O ^has_journal -N 1100000 '${at('million.ext4')}.part'
    debugfs -w -f '${script}' '${at('million.ext4')}.part' >/dev/null 2>&1
    mv '${at('million.ext4')}.part' '${at('million.ext4')}'; rm '${script}' '${at('tiny')}'`);
}
