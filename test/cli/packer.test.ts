import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { PostProcessResult } from '../../src/cli/packer-run.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { imgopt, ROOT } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
/** As a builder leaves a disk: nothing compressed, deleted data in it. */
const IMAGE = join(folder, 'built.qcow2');

beforeAll(async () => {
  const { status } = spawnSync(
    process.execPath,
    [
      join(ROOT, 'bin/run.js'),
      'optimize',
      fixturePath('debian-mini/debian-mini.qcow2'),
      ...['--compress', 'none', '--keep-unused', '/', '--output', IMAGE],
    ],
    { encoding: 'utf8' },
  );
  expect(status).toBe(0);
});

interface Manifest {
  builds: { files: { name: string; size: number }[] | null }[];
}

/** A folder where Packer ran, as the qemu builder leaves it: a disk without extension, firmware variables beside it. */
function ran(config = '', files: Record<string, string | Buffer> = {}): string {
  const cwd = mkdtempSync(join(folder, 'run-'));
  const out = join(cwd, 'output-my disk');
  mkdirSync(out);
  copyFileSync(IMAGE, join(out, 'my disk'));
  for (const [name, content] of Object.entries({ 'efivars.fd': Buffer.alloc(1024, 0xff), ...files })) {
    writeFileSync(join(out, name), content);
  }
  const build = {
    name: 'my disk',
    builder_type: 'qemu',
    files: readdirSync(out).map((name) => ({ name: `output-my disk/${name}`, size: 1 })),
    artifact_id: 'VM',
    packer_run_uuid: 'run-1',
  };
  const other = { ...build, packer_run_uuid: 'run-0', files: [{ name: 'gone', size: 1 }] };
  writeFileSync(
    join(cwd, 'packer-manifest.json'),
    JSON.stringify({ builds: [other, build], last_run_uuid: 'run-1' }, null, 2),
  );
  if (config !== '') writeFileSync(join(cwd, 'imgopt.yml'), config);
  return cwd;
}

const env = { PACKER_RUN_UUID: 'run-1', PACKER_BUILD_NAME: 'my disk', PACKER_BUILDER_TYPE: 'qemu' };
const filesOf = (cwd: string): { name: string; size: number }[] =>
  (JSON.parse(readFileSync(join(cwd, 'packer-manifest.json'), 'utf8')) as Manifest).builds[1]!.files!;
const inside = (cwd: string): string[] => readdirSync(join(cwd, 'output-my disk')).sort();
const sizeOf = (cwd: string, name: string): number => statSync(join(cwd, name)).size;

function expectChecksum(cwd: string, name: string): void {
  const line = readFileSync(join(cwd, 'output-my disk', `${name}.sha256`), 'utf8');
  const bytes = readFileSync(join(cwd, 'output-my disk', name));
  expect(line).toBe(`${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
  const check = spawnSync('sha256sum', ['-c', `${name}.sha256`], {
    cwd: join(cwd, 'output-my disk'),
    encoding: 'utf8',
  });
  expect(check).toMatchObject({ status: 0, stdout: `${name}: OK\n` });
}

describe('imgopt packer post-process', () => {
  test('without a word: report, small image and checksum beside the disk, true sizes in the manifest', async () => {
    const cwd = ran();
    const { code, stdout, stderr } = await imgopt(['packer', 'post-process'], { cwd, env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(inside(cwd)).toEqual([
      'efivars.fd',
      'my disk',
      'my disk.imgopt.json',
      'my disk.optimized.qcow2',
      'my disk.optimized.qcow2.sha256',
    ]);
    const report = JSON.parse(
      readFileSync(join(cwd, 'output-my disk/my disk.imgopt.json'), 'utf8'),
    ) as MeasuredReport;
    expect(reportSchema.parse(report)).toEqual(report);
    expect(report.artifact).toMatchObject({ path: 'output-my disk/my disk', format: 'qcow2' });
    expectChecksum(cwd, 'my disk.optimized.qcow2');
    expect(filesOf(cwd)).toEqual([
      { name: 'output-my disk/efivars.fd', size: 1024 },
      { name: 'output-my disk/my disk', size: sizeOf(cwd, 'output-my disk/my disk') },
      {
        name: 'output-my disk/my disk.optimized.qcow2',
        size: sizeOf(cwd, 'output-my disk/my disk.optimized.qcow2'),
      },
    ]);
    // Lines for Packer's screen: nothing moves the cursor, nothing has a colour.
    expect(stdout).not.toMatch(/[\r\u001b]/);
    expect(stdout).toMatch(/^build 'my disk' \(qemu\)\nanalyze: output-my disk\/my disk: qcow2, .+\n/);
    expect(stdout).toMatch(/\noptimize: .+ in output-my disk\/my disk\.optimized\.qcow2, verified\n/);
    expect(stdout).toMatch(/\nmanifest: packer-manifest\.json names .+\n$/);
  });

  test('keep_input: false puts the small one in its place', async () => {
    const cwd = ran('packer:\n  keep_input: false\n  report: false\n  checksum: false\n');
    const before = sizeOf(cwd, 'output-my disk/my disk');
    expect((await imgopt(['packer', 'post-process'], { cwd, env })).code).toBe(0);
    expect(inside(cwd)).toEqual(['efivars.fd', 'my disk']);
    expect(sizeOf(cwd, 'output-my disk/my disk')).toBeLessThan(before);
    expect(filesOf(cwd)[1]).toEqual({
      name: 'output-my disk/my disk',
      size: sizeOf(cwd, 'output-my disk/my disk'),
    });
    // A second time there is nothing left to gain.
    const again = await imgopt(['packer', 'post-process'], { cwd, env });
    expect(again.stdout).toContain('would be no smaller: output-my disk/my disk stays as it is');
    expect(inside(cwd)).toEqual(['efivars.fd', 'my disk']);
  });

  test('optimize and compress: what lies between is not left behind', async () => {
    const steps = ['packer', 'post-process', '--steps', 'optimize,compress'];
    const cwd = ran('packer:\n  optimize:\n    format: raw\n');
    expect((await imgopt(steps, { cwd, env })).code).toBe(0);
    expect(inside(cwd)).toEqual([
      'efivars.fd',
      'my disk',
      'my disk.optimized.raw.zst',
      'my disk.optimized.raw.zst.sha256',
    ]);
    expectChecksum(cwd, 'my disk.optimized.raw.zst');
    expect(filesOf(cwd).map((one) => one.name)).toEqual([
      'output-my disk/efivars.fd',
      'output-my disk/my disk',
      'output-my disk/my disk.optimized.raw.zst',
    ]);
    const replaced = ran('packer:\n  optimize:\n    format: raw\n  keep_input: false\n');
    expect((await imgopt(steps, { cwd: replaced, env })).code).toBe(0);
    expect(inside(replaced)).toEqual(['efivars.fd', 'my disk.zst', 'my disk.zst.sha256']);
    expect(filesOf(replaced).map((one) => one.name)).toEqual([
      'output-my disk/efivars.fd',
      'output-my disk/my disk.zst',
    ]);
  });

  test('what is compressed already is not compressed again', async () => {
    const cwd = ran();
    const disk = join(cwd, 'output-my disk/my disk');
    expect((await imgopt(['compress', disk, '--rm', '--quiet'])).code).toBe(0);
    const args = ['packer', 'post-process', `${disk}.zst`, '--steps', 'compress'];
    const { code, stdout } = await imgopt(args, { cwd });
    expect(code).toBe(0);
    expect(stdout).toContain('is compressed already (zstd) and stays as it is');
    expect(inside(cwd)).toEqual(['efivars.fd', 'my disk.zst', 'my disk.zst.sha256']);
  });

  test('what an earlier run left is never taken for this one’s', async () => {
    const stale = { 'my disk.optimized.qcow2': 'stale', 'my disk.optimized.qcow2.sha256': 'stale' };
    const cwd = ran('', stale);
    writeFileSync(
      join(cwd, 'output-my disk/my disk'),
      readFileSync(IMAGE).subarray(0, 200_000), // a build that broke off
    );
    const manifest = JSON.parse(readFileSync(join(cwd, 'packer-manifest.json'), 'utf8')) as Manifest;
    manifest.builds[1]!.files = [{ name: 'output-my disk/my disk', size: 0 }];
    writeFileSync(join(cwd, 'packer-manifest.json'), JSON.stringify(manifest));
    const before = readFileSync(join(cwd, 'packer-manifest.json'), 'utf8');
    const { code, stderr } = await imgopt(['packer', 'post-process'], { cwd, env });
    expect(code).toBe(3);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(inside(cwd)).not.toContain('my disk.optimized.qcow2');
    expect(readFileSync(join(cwd, 'packer-manifest.json'), 'utf8')).toBe(before);
    // And a whole build replaces what a broken one left.
    copyFileSync(IMAGE, join(cwd, 'output-my disk/my disk'));
    expect((await imgopt(['packer', 'post-process'], { cwd, env })).code).toBe(0);
    expectChecksum(cwd, 'my disk.optimized.qcow2');
  });

  const BUDGET = (max: string): string =>
    `budgets:\n  limits:\n    - measure: file-size\n      max: ${max}\n`;

  test('budgets are held as soon as there are any, and what is over ends with exit 1 when all is done', async () => {
    const within = await imgopt(['packer', 'post-process'], { cwd: ran(BUDGET('1GiB')), env });
    expect(within.code).toBe(0);
    expect(within.stdout).toMatch(/\ncheck: my disk: .+\n/);
    const cwd = ran(BUDGET('1MiB'));
    const over = await imgopt(['packer', 'post-process', '--json'], { cwd, env });
    expect({ code: over.code, stderr: over.stderr }).toEqual({ code: 1, stderr: '' });
    expect(JSON.parse(over.stdout) as PostProcessResult).toMatchObject({ images: [{ passed: false }] });
    expect(inside(cwd)).toContain('my disk.optimized.qcow2');
    // The small one may pass where the built one did not: the order is the project's.
    const later = ran(`${BUDGET('10MiB')}packer:\n  steps: [optimize, check]\n`);
    expect((await imgopt(['packer', 'post-process'], { cwd: later, env })).code).toBe(0);
  });

  test('the step check without budgets is a mistake in the configuration', async () => {
    const { code, stderr } = await imgopt(['packer', 'post-process', '--steps', 'check'], {
      cwd: ran(),
      env,
    });
    expect(code).toBe(2);
    expect(stderr).toContain('IMGOPT_NO_BUDGETS');
  });

  test('no manifest is needed when a path is given', async () => {
    const cwd = ran();
    const before = readFileSync(join(cwd, 'packer-manifest.json'), 'utf8');
    const args = ['packer', 'post-process', 'output-my disk/my disk', '--json'];
    const { code, stdout, stderr } = await imgopt(args, { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout) as PostProcessResult).toMatchObject({
      schema: 'imgopt.packer/1',
      build: null,
      images: [
        {
          input: 'output-my disk/my disk',
          output: 'output-my disk/my disk.optimized.qcow2',
          report: 'output-my disk/my disk.imgopt.json',
          replaced: false,
        },
      ],
    });
    expect(readFileSync(join(cwd, 'packer-manifest.json'), 'utf8')).toBe(before);
  });

  test.each([
    [['--steps', 'analyze,shrink'], {}, 2, 'IMGOPT_UNKNOWN_STEP'],
    [['--steps', 'analyze,analyze'], {}, 2, 'IMGOPT_STEP_TWICE'],
    [['--steps', ','], {}, 2, 'IMGOPT_NO_STEPS'],
    [['--steps', 'compress,optimize'], {}, 2, 'IMGOPT_STEP_ORDER'],
    [['disk', '--manifest', 'packer-manifest.json'], {}, 2, 'IMGOPT_MANIFEST_AND_PATHS'],
    [['nowhere/disk'], {}, 3, 'IMGOPT_NOT_FOUND'],
    [['--manifest', 'missing.json'], {}, 3, 'IMGOPT_NO_PACKER_MANIFEST'],
    [['--manifest', 'list.txt'], {}, 3, 'IMGOPT_NO_PACKER_MANIFEST'],
    [['--manifest', 'half.json'], {}, 3, 'IMGOPT_JSON_BROKEN'],
    [['--manifest', 'empty.json'], {}, 3, 'IMGOPT_EMPTY'],
    [[], { PACKER_RUN_UUID: 'run-9' }, 3, 'IMGOPT_PACKER_OTHER_RUN'],
    [[], { PACKER_RUN_UUID: 'run-0' }, 3, 'IMGOPT_PACKER_FILE_GONE'],
    [[], { PACKER_BUILD_NAME: 'other' }, 3, 'IMGOPT_PACKER_NO_BUILD'],
  ])('%j with %j is exit %i and one line', async (args, environment, code, name) => {
    const cwd = ran();
    writeFileSync(join(cwd, 'list.txt'), 'dpkg\t1.0\n');
    writeFileSync(join(cwd, 'half.json'), '{"builds": [{"name"');
    writeFileSync(join(cwd, 'empty.json'), '');
    const result = await imgopt(['packer', 'post-process', ...args], { cwd, env: environment });
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.stderr).toMatch(new RegExp(`^imgopt: ${name}: .+\\n$`));
    expect(existsSync(join(cwd, 'packer-manifest.json.lock'))).toBe(false);
  });

  test('a mistake in imgopt.yml is exit 2 with its line', async () => {
    const cwd = ran('packer:\n  keepinput: false\n');
    const { code, stderr } = await imgopt(['packer', 'post-process'], { cwd, env });
    expect(code).toBe(2);
    expect(stderr).toContain('imgopt.yml:2:');
    expect(stderr).toContain('keep_input');
  });
});

describe('imgopt packer post-process on what VirtualBox and VMware builders leave', () => {
  const MACHINE = (size: number): string => `<?xml version="1.0"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1">
  <References><File ovf:href="vm-disk001.vmdk" ovf:id="file1" ovf:size="${size}"/></References>
  <DiskSection><Info>disks</Info><Disk ovf:capacity="46137344" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
</Envelope>
`;

  /** An export with a disk that was not compressed, so that there is something to gain. */
  function exported(config: string): string {
    const cwd = mkdtempSync(join(folder, 'vm-'));
    const out = join(cwd, 'output-vm');
    mkdirSync(out);
    copyFileSync(join(folder, 'plain.vmdk'), join(out, 'vm-disk001.vmdk'));
    const ovf = MACHINE(statSync(join(out, 'vm-disk001.vmdk')).size);
    writeFileSync(join(out, 'vm.ovf'), ovf);
    const digest = (name: string): string =>
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex');
    writeFileSync(
      join(out, 'vm.mf'),
      `SHA256(vm.ovf)= ${digest('vm.ovf')}\nSHA256(vm-disk001.vmdk)= ${digest('vm-disk001.vmdk')}\n`,
    );
    const files = readdirSync(out).map((name) => ({ name: `output-vm/${name}`, size: 1 }));
    writeFileSync(
      join(cwd, 'packer-manifest.json'),
      JSON.stringify({
        builds: [
          { name: 'vm', builder_type: 'virtualbox-iso', files, artifact_id: 'VM', packer_run_uuid: 'r' },
        ],
        last_run_uuid: 'r',
      }),
    );
    writeFileSync(join(cwd, 'imgopt.yml'), config);
    return cwd;
  }

  beforeAll(async () => {
    const args = ['optimize', IMAGE, '--to', 'vmdk', '--subformat', 'monolithicSparse', '--keep-unused', '/'];
    expect((await imgopt([...args, '--output', join(folder, 'plain.vmdk')])).code).toBe(0);
  });

  test('a disk beside an OVF: the descriptor and its digests follow', async () => {
    const cwd = exported('packer:\n  keep_input: false\n');
    const { code, stdout, stderr } = await imgopt(['packer', 'post-process'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/optimize: .+ in output-vm\/vm-disk001\.vmdk, verified/);
    const disk = join(cwd, 'output-vm/vm-disk001.vmdk');
    expect(readFileSync(join(cwd, 'output-vm/vm.ovf'), 'utf8')).toBe(MACHINE(statSync(disk).size));
    // imgopt's own reader of OVF holds the digests against the files.
    const check = await imgopt(['analyze', 'output-vm/vm.ovf', '--verify', '--json'], { cwd });
    expect(check.code).toBe(0);
    const { diagnostics } = JSON.parse(check.stdout) as MeasuredReport;
    expect(diagnostics.filter((one) => one.severity !== 'info')).toEqual([]);
    const [build] = (JSON.parse(readFileSync(join(cwd, 'packer-manifest.json'), 'utf8')) as Manifest).builds;
    for (const { name, size } of build!.files!) expect([name, size]).toEqual([name, sizeOf(cwd, name)]);
  });

  test('an OVA is written again around its disk', async () => {
    const cwd = exported('');
    spawnSync('tar', ['-cf', 'vm.ova', 'vm.ovf', 'vm-disk001.vmdk'], { cwd: join(cwd, 'output-vm') });
    const { code, stdout, stderr } = await imgopt(['packer', 'post-process', 'output-vm/vm.ova'], { cwd });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/optimize: .+ in output-vm\/vm\.optimized\.ova, verified/);
    expect(sizeOf(cwd, 'output-vm/vm.optimized.ova')).toBeLessThan(sizeOf(cwd, 'output-vm/vm.ova'));
  });

  test('a signed OVF is left as it is', async () => {
    const cwd = exported('packer:\n  keep_input: false\n');
    writeFileSync(join(cwd, 'output-vm/vm.cert'), 'signature');
    const before = readFileSync(join(cwd, 'output-vm/vm-disk001.vmdk'));
    const { code, stderr } = await imgopt(['packer', 'post-process'], { cwd });
    expect(code).toBe(3);
    expect(stderr).toContain('IMGOPT_OVF_SIGNED: ');
    expect(readFileSync(join(cwd, 'output-vm/vm-disk001.vmdk')).equals(before)).toBe(true);
  });
});

describe('imgopt packer init', () => {
  test('prints the snippet for the template at hand and begins imgopt.yml', async () => {
    const cwd = mkdtempSync(join(folder, 'init-'));
    writeFileSync(join(cwd, 'package.json'), '{"name": "x"}');
    writeFileSync(
      join(cwd, 'debian.pkr.hcl'),
      'source "qemu" "debian" {}\nbuild { sources = ["source.qemu.debian"] }\n',
    );
    const first = await imgopt(['packer', 'init'], { cwd });
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/^post-processors \{\n {2}post-processor "manifest" \{\}\n/);
    expect(first.stderr).toBe(
      'imgopt: for debian.pkr.hcl, inside of the build block, behind the provisioners:\nimgopt: imgopt.yml written\n',
    );
    writeFileSync(join(cwd, 'imgopt.yml'), '# mine\n');
    const second = await imgopt(['packer', 'init'], { cwd });
    expect(second.stderr).toContain('imgopt.yml is there already and stays');
    expect(readFileSync(join(cwd, 'imgopt.yml'), 'utf8')).toBe('# mine\n');
  });

  test('results are looked for where the sources write', async () => {
    const cwd = mkdtempSync(join(folder, 'init-'));
    const init = async (text: string): Promise<{ files: string; stderr: string }> => {
      writeFileSync(join(cwd, 'all.pkr.hcl'), text);
      const { code, stdout, stderr } = await imgopt(['packer', 'init', 'all.pkr.hcl', '--force'], { cwd });
      expect(code).toBe(0);
      return { files: /files = (.+) \}/.exec(stdout)![1]!, stderr };
    };
    const source = (name: string, output: string): string =>
      `source "qemu" "${name}" {\n  output_directory = ${output}\n}\n`;
    const build = 'build {\n  sources = ["source.qemu.a"]\n}\n';
    const one = await init(`${source('a', '"images/out"')}${build}`);
    expect(one.files).toBe('["images/out/*.optimized.*"]');
    const both = await init(
      `${source('debian', '"build/debian"')}${source('alpine', '"build/alpine"')}${build}`,
    );
    expect(both.files).toBe('["build/${source.name}/*.optimized.*"]');
    const apart = await init(
      `${source('x1', '"here"')}${source('x2', '"there"')}${source('x3', 'var.out')}${build}`,
    );
    expect(apart.files).toBe('["here/*.optimized.*"]');
    expect(apart.stderr).toContain('check the files of artifice for qemu.x2 writes to there\n');
    expect(apart.stderr).toContain('check the files of artifice for qemu.x3\n');
  });

  test('without a template it says so', async () => {
    const cwd = mkdtempSync(join(folder, 'init-'));
    const { code, stdout, stderr } = await imgopt(['packer', 'init'], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^imgopt: IMGOPT_NO_TEMPLATE: .+\n$/);
    expect(existsSync(join(cwd, 'imgopt.yml'))).toBe(false);
  });
});
