import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ncduReporter } from '../../src/reporters/ncdu.ts';
import { fakeInspection } from '../analyzers/fake.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runToolSync } from '../support/tools.ts';
import { plainOptions, rendered, sampleReport } from './sample.ts';

interface Info {
  name: string;
  asize?: number;
  dsize?: number;
  dev?: number;
  ino?: number;
  nlink?: number;
  hlnkc?: boolean;
  notreg?: boolean;
}
type Directory = [Info, ...(Info | Directory)[]];

const inspection = fakeInspection([
  {
    mount: '/',
    files: [
      { path: '/etc/passwd', size: 100 },
      { path: '/etc/evil"\n\u001b', size: 7 },
      { path: '/one', size: 5000, inode: 7 },
      { path: '/two', size: 5000, inode: 7 },
      { path: '/sh', type: 'symlink', size: 4, allocated: 0 },
      { path: '/boot/hidden', size: 3 },
      { path: '/var/empty', type: 'directory' },
    ],
  },
  { mount: '/boot', files: [{ path: '/vmlinuz', size: 9000 }] },
  { mount: '/boot/efi', files: [{ path: '/EFI/BOOT/BOOTX64.EFI', size: 600 }] },
  { mount: '/srv/data', files: [{ path: '/x', size: 1 }] },
]);
const text = rendered(ncduReporter.render(sampleReport, { ...plainOptions, inspection }));
const [major, minor, header, root] = JSON.parse(text) as [number, number, object, Directory];

function find(directory: Directory, path: string): Info | Directory {
  let at: Info | Directory = directory;
  for (const part of path.split('/').filter((one) => one !== '')) {
    const inner = (at as Directory).slice(1) as (Info | Directory)[];
    const next = inner.find((one) => (Array.isArray(one) ? one[0].name : one.name) === part);
    if (next === undefined) throw new Error(`${path} is not there`);
    at = next;
  }
  return at;
}
const info = (path: string): Info => [find(root, path)].flat()[0] as Info;

test('header and fields are those of the format', () => {
  expect([major, minor, header]).toEqual([1, 1, { progname: 'imgopt', progver: '0.1.0' }]);
  expect(info('/')).toEqual({ name: '/', asize: 4096, dsize: 4096, dev: 1 });
  expect(info('/etc/passwd')).toEqual({ name: 'passwd', asize: 100, dsize: 4096 });
  expect(info('/one')).toEqual({ name: 'one', asize: 5000, dsize: 8192, ino: 7, hlnkc: true, nlink: 2 });
  expect(info('/sh')).toEqual({ name: 'sh', asize: 4, notreg: true });
  expect(info('/etc/evil"\n\u001b').asize).toBe(7);
});

test('every filesystem is at its mount point, and nothing that a mount hides is lost', () => {
  expect(info('/boot').dev).toBe(2);
  expect(info('/boot/vmlinuz').asize).toBe(9000);
  expect(info('/boot/efi').dev).toBe(3);
  expect(info('/boot/efi/EFI/BOOT/BOOTX64.EFI').asize).toBe(600);
  expect(info('/boot/[hidden below the mount]/hidden').asize).toBe(3);
  expect(info('/srv/data/x').asize).toBe(1);
  expect(find(root, '/var/empty')).toHaveLength(1);
});

describeWithTools(['ncdu'], 'ncdu itself', () => {
  const folder = temporaryFolder();

  test('opens the export and writes the same sizes again', () => {
    const path = join(folder, 'export.json');
    writeFileSync(path, text);
    const again = JSON.parse(runToolSync('ncdu', ['-f', path, '-o', '-', '-0']).toString()) as [
      number,
      number,
      object,
      Directory,
    ];
    const flat = (one: Info | Directory): Info[] => (Array.isArray(one) ? one.flatMap(flat) : [one]);
    const sums = (one: Info | Directory): { files: number; asize: number; dsize: number } => {
      const list = flat(one);
      return {
        files: list.length,
        asize: list.reduce((sum, entry) => sum + (entry.asize ?? 0), 0),
        dsize: list.reduce((sum, entry) => sum + (entry.dsize ?? 0), 0),
      };
    };
    expect(sums(again[3])).toEqual(sums(root));
  });
});
