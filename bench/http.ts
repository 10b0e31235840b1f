/**
 * `imgopt analyze` of an image behind nginx on loopback, beside the same of the file; and how much of the image crosses
 * the wire.
 *
 *   npm run bench:http               needs nginx, and bench/make-debian.sh's output in IMGOPT_BENCH_DATA (default bench/data)
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNginx } from '../test/support/nginx.ts';
import { alternate, IMGOPT, ROOT, row } from './support/alternate.ts';

const data = process.env.IMGOPT_BENCH_DATA ?? join(ROOT, 'bench', 'data');
const runs = Number(process.env.IMGOPT_BENCH_RUNS ?? 5);
const image = join(data, 'disk.qcow2');
const shell = (line: string): void => void execFileSync('bash', ['-euc', line], { stdio: 'inherit' });

mkdirSync(data, { recursive: true });
if (!existsSync(join(data, 'disk.raw')) && !existsSync(image))
  shell(`${join(ROOT, 'bench', 'make-debian.sh')} '${data}'`);
if (!existsSync(image)) shell(`qemu-img convert -O qcow2 '${join(data, 'disk.raw')}' '${image}'`);

const folder = mkdtempSync(join(tmpdir(), 'imgopt-bench-'));
const nginx = await startNginx(folder, data);
try {
  const remote = `${IMGOPT} analyze --json --no-progress '${nginx.address}/disk.qcow2'`;
  execFileSync('bash', ['-c', remote], { stdio: ['ignore', 'ignore', 'inherit'] });
  const asked = nginx.log().filter(({ path }) => path === '/disk.qcow2');
  const sent = asked.reduce((sum, { bytes }) => sum + bytes, 0);
  const { size } = statSync(image);
  process.stdout.write(
    '| work | over http | file | ratio | bar | imgopt peak memory |\n|---|---|---|---|---|---|\n' +
      `${row('analyze --json, 6 GiB qcow2 behind nginx, against the file', alternate(remote, `${IMGOPT} analyze --json --no-progress '${image}'`, runs), '-')}\n\n` +
      `${asked.length} requests, ${(sent / 1e6).toFixed(1)} MB of ${(size / 1e6).toFixed(0)} MB: ${((100 * sent) / size).toFixed(2)} % (bar: < 3 %)\n`,
  );
} finally {
  await nginx.stop();
  rmSync(folder, { recursive: true, force: true });
}
