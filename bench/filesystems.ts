/**
 * Scanning a full system on XFS, btrfs and NTFS against the same files on ext4, in one process, alternating: open, every
 * entry, unused extents, metadata. The image of bench/make-debian.sh is the ext4 one; the others are made of the same tar
 * by mkfs.xfs -p, but for the few names that a prototype cannot hold, by mkfs.btrfs --rootdir, and by copying into a mount
 * of ntfs-3g, which takes root and FUSE. The bar: at most twice the time. IMGOPT_BENCH_FILESYSTEMS chooses:
 * `xfs,btrfs,ntfs`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiagnosticLog, RunContext } from '../src/core/context.ts';
import type { FilesystemDriver } from '../src/core/contracts/filesystem.ts';
import { FileTableBuilder } from '../src/core/file-table.ts';
import { btrfsDriver } from '../src/disk/filesystems/btrfs/btrfs.ts';
import { extDriver } from '../src/disk/filesystems/ext/ext.ts';
import { ntfsDriver } from '../src/disk/filesystems/ntfs/ntfs.ts';
import { xfsDriver } from '../src/disk/filesystems/xfs/xfs.ts';
import { openFileSource } from '../src/sources/file.ts';
import { median, ROOT } from './support/alternate.ts';
import { writePrototype } from './support/xfs-prototype.ts';

const data = process.env.IMGOPT_BENCH_DATA ?? join(ROOT, 'bench', 'data');
const runs = Number(process.env.IMGOPT_BENCH_RUNS ?? 15);
const at = (name: string): string => join(data, name);
const tool = (name: string, args: readonly string[]): Buffer =>
  execFileSync(name, args, { maxBuffer: 1 << 30, env: { ...process.env, LC_ALL: 'C' } });

mkdirSync(data, { recursive: true });
if (!existsSync(at('root.ext4'))) tool('bash', [join(ROOT, 'bench', 'make-debian.sh'), data]);

interface Candidate {
  readonly name: string;
  readonly driver: FilesystemDriver;
  /** Makes the image of the files of `tree`, on `image`, a blank one. */
  make(tree: string, image: string): void;
}

const CANDIDATES: readonly Candidate[] = [
  {
    name: 'xfs',
    driver: xfsDriver,
    make(tree, image) {
      writePrototype(tree, at('root.proto'), tool);
      tool('mkfs.xfs', ['-q', '-f', '-p', at('root.proto'), image]);
      rmSync(at('root.proto'));
    },
  },
  {
    name: 'btrfs',
    driver: btrfsDriver,
    make: (tree, image) => void tool('mkfs.btrfs', ['-q', '-f', '--rootdir', tree, image]),
  },
  {
    name: 'ntfs',
    driver: ntfsDriver,
    make(tree, image) {
      const mount = at('mount.ntfs');
      mkdirSync(mount, { recursive: true });
      tool('mkntfs', ['-q', '-F', '-Q', '-s', '512', '-p', '2048', '-H', '255', '-S', '63', image]);
      tool('ntfs-3g', ['-o', 'big_writes,special_files=wsl', image, mount]);
      try {
        tool('cp', ['-a', '--no-preserve=ownership,xattr', `${tree}/.`, mount]);
      } finally {
        tool('fusermount', ['-u', mount]);
      }
      rmSync(mount, { recursive: true });
    },
  },
];
const wanted = (process.env.IMGOPT_BENCH_FILESYSTEMS ?? 'xfs,btrfs,ntfs').split(',');
const candidates = CANDIDATES.filter(({ name }) => wanted.includes(name));
const imageOf = (name: string): string => at(`root.${name}`);
for (const one of candidates) if (!existsSync(imageOf(one.name))) makeImage(one);

/** Owners do not matter here, so that nothing needs root. */
function makeImage({ name, make }: Candidate): void {
  const tree = at(`tree.${name}`);
  mkdirSync(tree, { recursive: true });
  tool('tar', ['-xf', at('debian.tar'), '-C', tree, '--exclude=./dev/*', '--no-same-owner']);
  const partial = `${imageOf(name)}.partial`;
  writeFileSync(partial, '');
  truncateSync(partial, 6 * 2 ** 30);
  make(tree, partial);
  renameSync(partial, imageOf(name));
  rmSync(tree, { recursive: true });
}

interface Scan {
  readonly entries: number;
  readonly milliseconds: number;
}

async function scan(driver: FilesystemDriver, path: string): Promise<Scan> {
  const source = await openFileSource(path);
  const log = new DiagnosticLog();
  const start = performance.now();
  const filesystem = await driver.open!(source, new RunContext({ log, threads: 2 }));
  const builder = new FileTableBuilder();
  builder.beginSection();
  await filesystem.scan(builder);
  const table = builder.build();
  await filesystem.unusedExtents();
  await filesystem.metadataExtents();
  const milliseconds = performance.now() - start;
  await source.close();
  if (log.list().length > 0) throw new Error(`${path}: ${JSON.stringify(log.list())}`);
  return { entries: table.count, milliseconds };
}

const rows = new Map(candidates.map(({ name }) => [name, [] as [Scan, Scan][]]));
for (let run = -3; run < runs; run++) {
  for (const { name, driver } of candidates) {
    const pair: [Scan, Scan] = [await scan(driver, imageOf(name)), await scan(extDriver, at('root.ext4'))];
    if (run >= 0) rows.get(name)!.push(pair); // the first ones warm up
  }
}
process.stdout.write(
  '| scan of | entries (ext4) | imgopt | the same on ext4 | ratio | bar |\n|---|---|---|---|---|---|\n',
);
for (const [name, pairs] of rows) {
  const [own, ext] = [0, 1].map((side) => median(pairs.map((pair) => pair[side as 0 | 1].milliseconds)));
  const ratio = median(pairs.map(([a, b]) => a.milliseconds / b.milliseconds));
  const [first, second] = pairs[0]!;
  process.stdout.write(
    `| ${name} | ${first.entries} (${second.entries}) | ${own!.toFixed(0)} ms | ${ext!.toFixed(0)} ms | ${ratio.toFixed(2)} | ≤ 2.00 |\n`,
  );
}
