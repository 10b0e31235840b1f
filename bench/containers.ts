/**
 * `imgopt analyze` of compressed archives beside what decompresses them. The peer throws the bytes away; imgopt walks
 * the archive, spools what it may have to read again, reads package databases and writes the whole report.
 *
 *   npm run bench:containers         makes its archives from this machine's /usr/share, /usr/bin and /etc, in
 *                                    IMGOPT_BENCH_DATA (default bench/data)
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { alternate, IMGOPT, ROOT, row } from './support/alternate.ts';

const data = process.env.IMGOPT_BENCH_DATA ?? join(ROOT, 'bench', 'data');
const runs = Number(process.env.IMGOPT_BENCH_RUNS ?? 5);
const at = (name: string): string => join(data, name);
const shell = (line: string): void => void execFileSync('bash', ['-euc', line], { stdio: 'inherit' });

mkdirSync(data, { recursive: true });
if (!existsSync(at('system.tar'))) {
  shell(`tar -C / --sort=name -cf '${at('system.tar.part')}' etc usr/bin usr/share || [ $? = 1 ]
    mv '${at('system.tar.part')}' '${at('system.tar')}'`);
}
if (!existsSync(at('system.tar.gz'))) shell(`pigz -kc '${at('system.tar')}' >'${at('system.tar.gz')}'`);
if (!existsSync(at('system.tar.zst'))) shell(`zstd -qkT0 '${at('system.tar')}' -o '${at('system.tar.zst')}'`);
if (!existsSync(at('system.box'))) {
  shell(`work=$(mktemp -d '${data}/box.XXXXXX'); trap 'rm -rf "$work"' EXIT; mkdir "$work/tree"
    tar -C "$work/tree" -xf '${at('system.tar')}'
    mke2fs -q -F -t ext4 -d "$work/tree" "$work/system.raw" 8G
    qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse "$work/system.raw" "$work/disk.vmdk"
    echo '{"provider":"vmware_desktop"}' >"$work/metadata.json"
    tar -C "$work" -cf - metadata.json disk.vmdk | pigz >'${at('system.box')}'`);
}

process.stdout.write(
  '| work | imgopt | peer | ratio | bar | imgopt peak memory |\n|---|---|---|---|---|---|\n',
);
for (const [name, peer] of [
  ['system.tar.gz', 'gzip -dc'],
  ['system.tar.zst', 'zstd -dc'],
  ['system.box', 'gzip -dc'],
] as const) {
  const ours = `${IMGOPT} analyze --json --no-progress '${at(name)}'`;
  const own = alternate(ours, `${IMGOPT} decompress --no-progress -o - '${at(name)}'`, runs);
  process.stdout.write(`${row(`analyze ${name}, against imgopt decompress`, own, '≤ 1.25')}\n`);
  process.stdout.write(
    `${row(`the same against ${peer}`, alternate(ours, `${peer} '${at(name)}'`, runs), '-')}\n`,
  );
}
const plain = alternate(
  `${IMGOPT} analyze --json --no-progress '${at('system.tar')}'`,
  `tar -tvf '${at('system.tar')}'`,
  runs,
);
process.stdout.write(`${row('analyze system.tar, against tar -tv', plain, '-')}\n`);
