import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readingManifest, updateManifest } from '../../src/packer/manifest-file.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
const signal = new AbortController().signal;

/** As Packer writes it: two spaces, no newline at the end. */
function manifest(): { path: string; cwd: string; located: Map<string, string> } {
  const cwd = mkdtempSync(join(folder, 'm-'));
  const path = join(cwd, 'packer-manifest.json');
  const builds = ['run-1', 'run-2'].map((uuid) => ({
    name: 'debian',
    builder_type: 'qemu',
    build_time: 1,
    files: [
      { name: 'out/disk', size: 999 },
      { name: 'out/efivars.fd', size: 0 },
    ],
    artifact_id: 'VM',
    packer_run_uuid: uuid,
    custom_data: { a: 'b' },
  }));
  writeFileSync(path, JSON.stringify({ builds, last_run_uuid: 'run-2' }, null, 2));
  const located = new Map([
    ['out/disk', join(cwd, 'disk')],
    ['out/efivars.fd', join(cwd, 'efivars.fd')],
  ]);
  writeFileSync(join(cwd, 'disk'), 'disk!');
  writeFileSync(join(cwd, 'efivars.fd'), 'vars');
  writeFileSync(join(cwd, 'small'), 'sm');
  return { path, cwd, located };
}

interface Written {
  builds: { files: { name: string; size: number }[]; custom_data: unknown }[];
}
const written = (path: string): Written => JSON.parse(readFileSync(path, 'utf8')) as Written;

describe('writing back', () => {
  test('names and sizes of one build, and nothing else', async () => {
    const { path, cwd, located } = manifest();
    const before = readFileSync(path, 'utf8');
    const added = { from: null, to: 'out/small', path: join(cwd, 'small') };
    await updateManifest(path, { index: 1, runUuid: 'run-2' }, [added], located, signal);
    const { builds } = written(path);
    expect(builds[1]!.files).toEqual([
      { name: 'out/disk', size: 5 },
      { name: 'out/efivars.fd', size: 4 },
      { name: 'out/small', size: 2 },
    ]);
    const restored = written(path);
    restored.builds[1]!.files = (JSON.parse(before) as Written).builds[1]!.files;
    expect(JSON.stringify(restored, null, 2)).toBe(before);
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('a file that took another’s place, and one that is gone', async () => {
    const { path, cwd, located } = manifest();
    const changes = [
      { from: 'out/disk', to: 'out/disk.qcow2', path: join(cwd, 'small') },
      { from: 'out/efivars.fd', to: null, path: join(cwd, 'efivars.fd') },
    ];
    await updateManifest(path, { index: 0, runUuid: 'run-1' }, changes, located, signal);
    expect(written(path).builds[0]!.files).toEqual([{ name: 'out/disk.qcow2', size: 2 }]);
  });

  test('doing it twice changes nothing more', async () => {
    const { path, cwd, located } = manifest();
    const added = [{ from: null, to: 'out/small', path: join(cwd, 'small') }];
    const build = { index: 1, runUuid: 'run-2' };
    await updateManifest(path, build, added, located, signal);
    const once = readFileSync(path, 'utf8');
    await updateManifest(path, build, added, located, signal);
    expect(readFileSync(path, 'utf8')).toBe(once);
  });

  test('a manifest that was started anew is left alone', async () => {
    const { path, located } = manifest();
    writeFileSync(path, JSON.stringify({ builds: [], last_run_uuid: 'run-3' }));
    await expect(updateManifest(path, { index: 1, runUuid: 'run-2' }, [], located, signal)).rejects.toThrow(
      /was replaced meanwhile/,
    );
    expect(readFileSync(path, 'utf8')).toBe('{"builds":[],"last_run_uuid":"run-3"}');
    expect(existsSync(`${path}.lock`)).toBe(false);
  });

  test('many at once lose nothing', async () => {
    const { path, cwd, located } = manifest();
    const add = async (number: number): Promise<void> => {
      const name = `out/small-${number}`;
      await updateManifest(
        path,
        { index: number % 2, runUuid: `run-${(number % 2) + 1}` },
        [{ from: null, to: name, path: join(cwd, 'small') }],
        located,
        signal,
      );
    };
    await Promise.all(Array.from({ length: 20 }, (_, number) => add(number)));
    const names = written(path).builds.flatMap((build) => build.files.map((file) => file.name));
    expect(names.filter((name) => name.startsWith('out/small-'))).toHaveLength(20);
  });
});

describe('the lock that Packer holds while it writes', () => {
  test('is waited for', async () => {
    const { path } = manifest();
    writeFileSync(`${path}.lock`, '');
    let isRead = false;
    const reading = readingManifest(path, signal, async () => {
      isRead = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isRead).toBe(false);
    rmSync(`${path}.lock`);
    await reading;
    expect(isRead).toBe(true);
  });

  test('can be given up on', async () => {
    const { path } = manifest();
    writeFileSync(`${path}.lock`, '');
    const abort = new AbortController();
    const reading = readingManifest(path, abort.signal, async () => {});
    setTimeout(() => abort.abort(), 100);
    await expect(reading).rejects.toThrow(/abort/i);
    expect(existsSync(`${path}.lock`)).toBe(true); // not ours to remove
  });

  test('a manifest that is not there says what to do', async () => {
    await expect(readingManifest(join(folder, 'none.json'), signal, async () => {})).rejects.toMatchObject({
      code: 'IMGOPT_NO_PACKER_MANIFEST',
      exitCode: 3,
    });
    expect(existsSync(join(folder, 'none.json.lock'))).toBe(false);
  });
});
