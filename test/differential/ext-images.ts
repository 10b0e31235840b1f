/** Images of ext2, ext3 and ext4 made by mke2fs and debugfs. */
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { runTool, runToolSync } from '../support/tools.ts';

/** Bytes that say where they belong: a wrong offset is legible. */
export function payload(tag: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 16) {
    bytes.write(`${tag.slice(0, 4).padEnd(4)}${at.toString(16).padStart(11, '0')}\n`, at, 'latin1');
  }
  return bytes;
}

/** A tree of everything that a filesystem holds, but for what only debugfs can make. */
export function makeTree(root: string): void {
  const file = (name: string, length: number): void => writeFileSync(join(root, name), payload(name, length));
  mkdirSync(root);
  writeFileSync(join(root, 'empty'), '');
  file('tiny', 40);
  file('inline', 130);
  file('small', 1000);
  file('block', 4096);
  file('medium', 70_000);
  file('big', 2_500_000);
  file('holes', 1_500_000);
  const sparse = openSync(join(root, 'sparse'), 'w');
  writeSync(sparse, payload('spar', 5000), 0, 5000, 0);
  writeSync(sparse, payload('midd', 5000), 0, 5000, 700_001);
  writeSync(sparse, payload('last', 777), 0, 777, 2_900_000);
  ftruncateSync(sparse, 3_000_000);
  closeSync(sparse);
  for (const length of [1, 58, 59, 60, 61, 300, 900])
    symlinkSync('t'.repeat(length), join(root, `link${length}`));
  linkSync(join(root, 'medium'), join(root, 'hard'));
  mkdirSync(join(root, 'few'));
  file('few/a', 10);
  file('few/b', 20);
  mkdirSync(join(root, 'deep'));
  let path = join(root, 'deep');
  for (let level = 0; level < 12; level++) {
    path = join(path, `level-${level}`);
    mkdirSync(path);
    writeFileSync(join(path, 'leaf'), payload(`l${level}`, 100 * level));
  }
  linkSync(join(root, 'medium'), join(path, 'hard too'));
  mkdirSync(join(root, 'many'));
  for (let i = 0; i < 500; i++) {
    const name = `entry-${i}-${'x'.repeat((i * 7) % 90)}`;
    writeFileSync(join(root, 'many', name), i % 10 === 0 ? payload(name, i) : '');
  }
  mkdirSync(join(root, 'names'));
  for (const name of [
    'n'.repeat(255),
    'sp ace',
    'ünïcödé ☃',
    '-rf',
    '\x01\x1b[31m',
    '..x',
    '.x',
    'back\\slash',
  ]) {
    writeFileSync(join(root, 'names', name), name);
  }
  utimesSync(join(root, 'small'), 1_000_000_000, 1_234_567_890);
}

export interface ImageOptions {
  /** Arguments of mke2fs beside the tree, the image and its size. */
  readonly mke2fs: readonly string[];
  readonly size: string;
  readonly eaInode?: boolean;
  /** No extended attributes: debugfs refuses them without ext_attr. */
  readonly noAttributes?: boolean;
}

/** Makes an image of the tree, adds what debugfs can write, and has e2fsck index its directories. */
export async function makeImage(
  folder: string,
  tree: string,
  path: string,
  options: ImageOptions,
): Promise<void> {
  await runTool('mke2fs', ['-q', '-F', '-d', tree, ...options.mke2fs, path, options.size]);
  writeFileSync(join(folder, 'value'), payload('attr', 700));
  writeFileSync(join(folder, 'large value'), payload('eain', 9000));
  const punches: string[] = [];
  for (let block = 3; block < 340; block += 2) punches.push(`punch holes ${block} ${block}`);
  const commands = [
    'mknod character c 5 1',
    'mknod block-device b 8 17',
    'mknod fifo p',
    'sif small uid 100000',
    'sif small gid 70001',
    'sif tiny mode 0106755',
    ...punches,
    'fallocate empty 2 40',
    ...(options.noAttributes
      ? []
      : [
          'ea_set block user.one 1',
          `ea_set -f "${join(folder, 'value')}" medium user.value`,
          `ea_set -f "${join(folder, 'value')}" few user.value`,
          `ea_set -f "${join(folder, 'value')}" link58 user.value`,
        ]),
    ...(options.eaInode ? [`ea_set -f "${join(folder, 'large value')}" big user.large`] : []),
  ];
  const script = join(folder, 'commands');
  writeFileSync(script, `${commands.join('\n')}\n`);
  await runTool('debugfs', ['-w', '-f', script, path]);
  try {
    runToolSync('e2fsck', ['-fyD', path]);
  } catch (error) {
    if (((error as { status?: number }).status ?? 8) > 1) throw error; // 1: errors corrected
  }
  runToolSync('e2fsck', ['-fn', path]);
}
