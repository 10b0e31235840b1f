/**
 * `imgopt analyze` of what is compressed, beside what decompresses it. The peer throws the bytes away; imgopt walks
 * archives, keeps what it may have to read again, reads filesystems and package databases and writes the whole
 * report. The bar: at least 80 % of the peer's speed, that is a ratio of at most 1.25, start-up included.
 *
 *   npm run bench:containers         makes its archives from this machine's /usr/share, /usr/bin and /etc, in
 *                                    IMGOPT_BENCH_DATA (default bench/data)
 *
 * Peers are the formats' own tools, `gzip -dc` and `zstd -dc`, to /dev/null; and `imgopt decompress`, whose inflate is
 * several times as fast as gzip's. A single frame of zstd does not reach the bar: it is decoded by one thread whatever
 * is done, at a gigabyte a second, and the report begins when its last byte is there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { alternate, IMGOPT, ROOT, row } from './support/alternate.ts';

const data = process.env.IMGOPT_BENCH_DATA ?? join(ROOT, 'bench', 'data');
const runs = Number(process.env.IMGOPT_BENCH_RUNS ?? 5);
const at = (name: string): string => join(data, name);
const shell = (line: string): void => void execFileSync('bash', ['-euc', line], { stdio: 'inherit' });

/** Makes a file under another name first: what was interrupted is no result. */
function make(name: string, line: string): void {
  if (!existsSync(at(name))) shell(`cd '${data}'; out='${name}.part'; ${line}; mv "$out" '${name}'`);
}

mkdirSync(data, { recursive: true });
make('system.tar', `tar -C / --sort=name -cf "$out" etc usr/bin usr/share || [ $? = 1 ]`);
make(
  'system.raw',
  `work=$(mktemp -d tree.XXXXXX); trap 'rm -rf "$work"' EXIT; tar -C "$work" -xf system.tar
   mke2fs -q -F -t ext4 -d "$work" "$out" 8G`,
);
make('system.qcow2', `qemu-img convert -f raw -O qcow2 system.raw "$out"`);
make(
  'system.box.tar',
  `work=$(mktemp -d box.XXXXXX); trap 'rm -rf "$work"' EXIT
   qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse system.raw "$work/disk.vmdk"
   echo '{"provider":"vmware_desktop"}' >"$work/metadata.json"; tar -C "$work" -cf "$out" metadata.json disk.vmdk`,
);
make(
  'system.ova',
  `work=$(mktemp -d ova.XXXXXX); trap 'rm -rf "$work"' EXIT
   qemu-img convert -f raw -O vmdk -o subformat=monolithicSparse system.raw "$work/disk.vmdk"
   cat >"$work/system.ovf" <<OVF
<?xml version="1.0"?><Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
<References><File ovf:id="file1" ovf:href="disk.vmdk" ovf:size="$(stat -c %s "$work/disk.vmdk")"/></References>
<DiskSection><Info/><Disk ovf:diskId="d1" ovf:fileRef="file1" ovf:capacity="8589934592" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#sparse"/></DiskSection>
<VirtualSystem ovf:id="system"><Info/></VirtualSystem></Envelope>
OVF
   tar -C "$work" -cf "$out" system.ovf disk.vmdk`,
);
for (const name of ['system.tar', 'system.raw', 'system.qcow2', 'system.ova'])
  make(`${name}.gz`, `pigz -kc '${name}' >"$out"`);
make('system.box', `pigz -kc system.box.tar >"$out"`);
make('system.tar.zst', `zstd -qkT0 system.tar -fo "$out"`);
make('system.raw.zst', `zstd -qkT0 system.raw -fo "$out"`);
make('system.box.zst', `zstd -qkT0 system.box.tar -fo "$out"`);
// Frames with a table of them: read one by one. An archive needs nearly all of them, a disk a few.
make('seekable.tar.zst', `${IMGOPT} compress --no-progress -a zstd --force -o "$out" system.tar`);
make('seekable.raw.zst', `${IMGOPT} compress --no-progress -a zstd --force -o "$out" system.raw`);

process.stdout.write(
  '| work | imgopt | peer | ratio | bar | imgopt peak memory |\n|---|---|---|---|---|---|\n',
);
for (const name of [
  'system.box',
  'system.ova.gz',
  'system.tar.gz',
  'system.raw.gz',
  'system.qcow2.gz',
  'system.box.zst',
  'system.tar.zst',
  'seekable.tar.zst',
  'system.raw.zst',
  'seekable.raw.zst',
]) {
  const peer = name.endsWith('.zst') ? 'zstd -dc' : 'gzip -dc';
  const ours = `${IMGOPT} analyze --json --no-progress '${at(name)}'`;
  const comparison = alternate(ours, `${peer} '${at(name)}' >/dev/null`, runs);
  process.stdout.write(`${row(`analyze ${name}, against ${peer}`, comparison, '≤ 1.25')}\n`);
  const own = alternate(ours, `${IMGOPT} decompress --no-progress -o - '${at(name)}' >/dev/null`, runs);
  process.stdout.write(`${row('the same against imgopt decompress', own, '-')}\n`);
}
const plain = alternate(
  `${IMGOPT} analyze --json --no-progress '${at('system.tar')}'`,
  `tar -tvf '${at('system.tar')}'`,
  runs,
);
process.stdout.write(`${row('analyze system.tar, against tar -tv', plain, '-')}\n`);
