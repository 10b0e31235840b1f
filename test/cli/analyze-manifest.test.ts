import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { buildReportSchema } from '../../src/manifests/report-schema.ts';
import type { BuildReport } from '../../src/reporters/build-report.ts';
import { imgopt } from '../support/cli.ts';
import { fixtureBytes, fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const IMAGE = fixturePath('debian-mini/debian-mini.qcow2');
const folder = temporaryFolder();

/** A folder where Packer ran: files by name, and its manifest. */
function ran(files: readonly string[], builds?: readonly object[]): string {
  const cwd = mkdtempSync(join(folder, 'run-'));
  for (const name of files) {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    if (name.endsWith('.fd')) writeFileSync(join(cwd, name), Buffer.alloc(4096, 0xff));
    else copyFileSync(IMAGE, join(cwd, name));
  }
  const manifest = {
    builds: builds ?? [
      {
        name: 'debian',
        builder_type: 'qemu',
        files: files.map((name) => ({ name, size: 0 })),
        artifact_id: 'VM',
        packer_run_uuid: 'run-1',
      },
    ],
    last_run_uuid: 'run-1',
  };
  writeFileSync(join(cwd, 'packer-manifest.json'), JSON.stringify(manifest));
  return cwd;
}

describe('imgopt analyze packer-manifest.json', () => {
  test('a build of one disk is that disk’s report, with the build in it', async () => {
    const cwd = ran(['output-debian/debian', 'output-debian/efivars.fd']);
    const [manifest, disk] = await Promise.all([
      imgopt(['analyze', 'packer-manifest.json', '--json'], { cwd }),
      imgopt(['analyze', 'output-debian/debian', '--json'], { cwd }),
    ]);
    expect({ code: manifest.code, stderr: manifest.stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(manifest.stdout) as Report;
    expect({ ...report, diagnostics: [] }).toEqual({
      ...(JSON.parse(disk.stdout) as Report),
      diagnostics: [],
    });
    expect(report.diagnostics).toMatchObject([
      { code: 'IMGOPT_PACKER_BUILD', severity: 'info', message: "build 'debian' (qemu), run run-1" },
      { code: 'IMGOPT_PACKER_OTHER_FILES', severity: 'info', message: 'no images: efivars.fd (4.0 KiB)' },
    ]);
  });

  test('several disks are several reports', async () => {
    const cwd = ran(['out/disk', 'out/disk-1']);
    const json = await imgopt(['analyze', 'packer-manifest.json', '--json'], { cwd });
    const document = JSON.parse(json.stdout) as BuildReport;
    expect(buildReportSchema.parse(document)).toEqual(document);
    const { reports } = document;
    expect(reports.map((one) => one.artifact.path)).toEqual(['out/disk', 'out/disk-1']);
    const table = await imgopt(['analyze', 'packer-manifest.json'], { cwd });
    expect(table.stdout.match(/^disk(?:-1)?: qcow2, /gm)).toHaveLength(2);
    const file = await imgopt(['analyze', 'packer-manifest.json', '--format', 'json'], { cwd });
    expect(file.stdout).toBe(json.stdout);
    const csv = await imgopt(['analyze', 'packer-manifest.json', '--format', 'csv'], { cwd });
    expect({ code: csv.code, stdout: csv.stdout }).toEqual({ code: 2, stdout: '' });
    expect(csv.stderr).toContain('IMGOPT_SEVERAL_IMAGES: csv holds one image');
  });

  test('Packer’s environment chooses', async () => {
    const build = (name: string, uuid: string, file: string): object => ({
      name,
      builder_type: 'qemu',
      files: [{ name: file, size: 0 }],
      artifact_id: 'VM',
      packer_run_uuid: uuid,
    });
    const cwd = ran(
      ['a', 'b', 'c'],
      [build('x', 'run-0', 'a'), build('x', 'run-1', 'b'), build('y', 'run-1', 'c')],
    );
    const pathFor = async (env: Record<string, string>): Promise<string> => {
      const { stdout } = await imgopt(['analyze', 'packer-manifest.json', '--json'], { cwd, env });
      return (JSON.parse(stdout) as Report).artifact.path;
    };
    expect(await pathFor({})).toBe('c');
    expect(await pathFor({ PACKER_BUILD_NAME: 'x' })).toBe('b');
    expect(await pathFor({ PACKER_RUN_UUID: 'run-0' })).toBe('a');
    const other = await imgopt(['analyze', 'packer-manifest.json'], {
      cwd,
      env: { PACKER_RUN_UUID: 'run-9' },
    });
    expect(other.code).toBe(3);
    expect(other.stderr).toMatch(/^imgopt: IMGOPT_PACKER_OTHER_RUN: packer-manifest\.json: .+\n$/);
  });

  test('what is not there, or damaged, is exit 3 and one line', async () => {
    const cwd = ran(['disk']);
    writeFileSync(join(cwd, 'disk'), readFileSync(IMAGE).subarray(0, 100_000));
    const damaged = await imgopt(['analyze', 'packer-manifest.json'], { cwd });
    expect(damaged.code).toBe(3);
    const firmware = await imgopt(['analyze', 'packer-manifest.json'], { cwd: ran(['only.fd']) });
    expect({ code: firmware.code, stdout: firmware.stdout }).toEqual({ code: 3, stdout: '' });
    expect(firmware.stderr).toMatch(/^imgopt: IMGOPT_PACKER_NO_IMAGE: .+only\.fd; name the image itself\n$/);
  });

  test('--artifact-dir is for such manifests', async () => {
    const { code, stderr } = await imgopt(['analyze', IMAGE, '--artifact-dir', '.']);
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_NO_PACKER_MANIFEST');
  });
});

describe('imgopt analyze on a package list', () => {
  const list = join(folder, 'packages.img');
  writeFileSync(list, fixtureBytes('manifests/dpkg-query.sizes.txt'));

  test('says what the list declares, and that nothing was measured', async () => {
    const { code, stdout, stderr } = await imgopt(['analyze', list, '--top', '2']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^packages\.img: dpkg-query, 161 packages, .+ as declared; nothing was measured: no image was read\n/,
    );
    expect(stdout).toContain('the largest 2 of 161');
  });

  test('sizes that it does not tell are unknown, not 0', async () => {
    writeFileSync(join(folder, 'rpms'), 'bash-5.1.8-6.el9.x86_64\nglibc-2.34-60.el9.x86_64\n');
    const { stdout } = await imgopt(['analyze', join(folder, 'rpms')]);
    expect(stdout).toContain('rpms: rpm-qa, 2 packages, sizes unknown; nothing was measured');
    expect(stdout).not.toMatch(/\b0 B\b/);
  });

  test('questions that only an image can answer are refused', async () => {
    const { code, stderr } = await imgopt(['analyze', list, '--emit', 'shell']);
    expect(code).toBe(2);
    expect(stderr).toContain('--emit needs the image itself, and this is a manifest (dpkg-query)');
  });
});
