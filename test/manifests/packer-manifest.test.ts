import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findFiles } from '../../src/manifests/packer-files.ts';
import { isPackerManifest, parsePackerManifest, selectBuild } from '../../src/manifests/packer-manifest.ts';
import { temporaryFolder } from '../support/temp.ts';

const build = (name: string, type: string, uuid: string, id = 'VM'): Record<string, unknown> => ({
  name,
  builder_type: type,
  build_time: 1700000000,
  files: [{ name: `output-${name}/disk`, size: 1 }],
  artifact_id: id,
  packer_run_uuid: uuid,
  custom_data: null,
});

/** Two runs without -force: the second has two builds at once. */
const GROWN = {
  builds: [
    build('debian', 'qemu', 'run-1', 'first'),
    build('debian', 'qemu', 'run-2', 'second'),
    build('debian', 'virtualbox-iso', 'run-2', 'third'),
  ],
  last_run_uuid: 'run-2',
};

describe('the build that is meant', () => {
  const manifest = parsePackerManifest(GROWN);
  test.each([
    ['the last of the last run', {}, 'third'],
    ['by type', { builderType: 'qemu' }, 'second'],
    ['by run', { runUuid: 'run-1' }, 'first'],
    ['by run, name and type', { runUuid: 'run-2', name: 'debian', builderType: 'qemu' }, 'second'],
  ])('%s', (_, choice, id) => {
    expect(selectBuild(manifest, choice).artifactId).toBe(id);
  });

  test('another run’s build is never taken for this one’s', () => {
    expect(() => selectBuild(manifest, { runUuid: 'run-3' })).toThrow(/no build of this run \(run-3\)/);
    expect(() => selectBuild(manifest, { runUuid: 'run-1', builderType: 'virtualbox-iso' })).toThrow(
      /no build virtualbox-iso of this run, only 'debian' \(qemu\)/,
    );
    expect(() => selectBuild(parsePackerManifest({ builds: [], last_run_uuid: '' }), {})).toThrow(/no build/);
  });

  test('builds of one name in one run (a retry): the last', () => {
    const twice = {
      builds: [build('a', 'file', 'r', '1'), build('a', 'file', 'r', '2')],
      last_run_uuid: 'r',
    };
    expect(selectBuild(parsePackerManifest(twice), { name: 'a' }).artifactId).toBe('2');
  });

  test.each([
    ['builds that are no list', { builds: {}, last_run_uuid: 'x' }],
    ['no run', { builds: [] }],
    ['something else', []],
  ])('%s is no manifest of Packer', (_, document) => {
    expect(isPackerManifest(document)).toBe(false);
  });

  test.each([
    ['a build that is a number', { builds: [7], last_run_uuid: '' }],
    ['files that are a word', { builds: [{ files: 'x' }], last_run_uuid: '' }],
    ['a file without a name', { builds: [{ files: [{ size: 1 }] }], last_run_uuid: '' }],
    ['a name with a zero byte', { builds: [{ files: [{ name: 'a\0b' }] }], last_run_uuid: '' }],
  ])('%s is refused', (_, document) => {
    expect(() => parsePackerManifest(document)).toThrow(/build 0 of the manifest/);
  });
});

describe('its files', () => {
  const folder = temporaryFolder();
  const place = (path: string): string => {
    const root = mkdtempSync(join(folder, 'run-'));
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), 'bytes');
    return root;
  };
  const one = (file: string, name = 'debian') =>
    parsePackerManifest({
      builds: [{ name, builder_type: 'qemu', files: [{ name: file, size: 0 }], packer_run_uuid: 'r' }],
      last_run_uuid: 'r',
    }).builds[0]!;

  test.each([
    ['as Packer saw it', 'output/disk', 'output/disk', 'packer-manifest.json', '.'],
    ['from elsewhere, beside the manifest', 'output/disk', 'output/disk', 'packer-manifest.json', 'other'],
    ['a manifest inside of the output', 'output/disk', 'output/disk', 'output/packer-manifest.json', 'other'],
    ['stripped', 'output-debian/disk', 'disk', 'packer-manifest.json', '.'],
    [
      'stripped, of a build with a label',
      'output-debian/disk',
      'disk',
      'packer-manifest.json',
      '.',
      'all.debian',
    ],
  ])('%s', async (_, real, named, manifest, cwd, name = 'debian') => {
    const root = place(real);
    const [file] = await findFiles(one(named, name), {
      manifestPath: join(root, manifest),
      cwd: join(root, cwd),
    });
    expect(file).toMatchObject({ path: join(root, real), fileSize: 5, name: named });
  });

  test('where they are said to be', async () => {
    const root = place('moved/disk');
    const surroundings = { manifestPath: join(root, 'packer-manifest.json'), cwd: root };
    await expect(findFiles(one('disk'), surroundings)).rejects.toThrow(/names 'disk', which is not there/);
    const [file] = await findFiles(one('disk'), { ...surroundings, artifactFolder: 'moved' });
    expect(file!.path).toBe(join(root, 'moved/disk'));
  });

  test('a build in a cloud has none and says so', async () => {
    const cloud = parsePackerManifest({
      builds: [
        {
          name: 'a',
          builder_type: 'amazon-ebs',
          files: null,
          artifact_id: 'us-east-1:ami-0',
          packer_run_uuid: 'r',
        },
      ],
      last_run_uuid: 'r',
    }).builds[0]!;
    await expect(findFiles(cloud, { manifestPath: 'm', cwd: folder })).rejects.toThrow(
      "build 'a' (amazon-ebs) made us-east-1:ami-0 and no local file",
    );
  });
});
