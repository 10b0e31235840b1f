/**
 * In builds of Packer itself: what it writes into its manifest and gives its post-processors is what we read, what
 * `init` prints is what it accepts, and the README's lines do what they say.
 */

import { spawn } from 'node:child_process';
import {
  chmodSync,
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
import { beforeAll, expect, test } from 'vitest';
import { snippetFor } from '../../src/packer/snippet.ts';
import { imgopt, ROOT } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, findTool, runTool } from '../support/tools.ts';

const folder = temporaryFolder();
const programs = join(folder, 'bin');
/** As a builder leaves a disk: nothing compressed, deleted data in it. */
const image = join(folder, 'built.qcow2');

interface Build {
  name: string;
  builder_type: string;
  packer_run_uuid: string;
  files: { name: string; size: number }[] | null;
}
interface Manifest {
  builds: Build[];
  last_run_uuid: string;
}
const manifestIn = (cwd: string, name = 'packer-manifest.json'): Manifest =>
  JSON.parse(readFileSync(join(cwd, name), 'utf8')) as Manifest;

interface Run {
  readonly code: number | null;
  readonly output: string;
}

/** `packer ARGS`, with imgopt in the PATH and nothing of ours in the environment. */
function packer(cwd: string, args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(findTool('packer')!, args, {
      cwd,
      env: { PATH: `${programs}:${process.env.PATH}`, HOME: folder, CHECKPOINT_DISABLE: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

const build = (cwd: string, ...args: string[]): Promise<Run> =>
  packer(cwd, ['build', '-color=false', ...args]);

function workFolder(files: Record<string, string>): string {
  const cwd = mkdtempSync(join(folder, 'work-'));
  copyFileSync(image, join(cwd, 'built.qcow2'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  return cwd;
}

/** The README's lines, as they stand there. */
function readmeLines(): string {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const found = [...text.matchAll(/```hcl\n([\s\S]*?)```/g)].map((match) => match[1]!);
  const lines = found.find((one) => one.includes('imgopt packer post-process'));
  if (lines === undefined) throw new Error('the README shows no lines for Packer');
  return lines;
}

/** A source whose artifact is a disk: what the qemu builder leaves, made by a builder that needs no machine. */
const source = (name: string, target = `output-${name}/packer-${name}`): string => `
source "file" "${name}" {
  source = "built.qcow2"
  target = "${target}"
}
`;

describeWithTools(['packer', 'sha256sum', 'qemu-img'], 'packer', () => {
  beforeAll(async () => {
    mkdirSync(programs);
    const program = join(programs, 'imgopt');
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin/run.js')}' "$@"\n`);
    chmodSync(program, 0o755);
    await runTool('qemu-img', [
      'convert',
      '-O',
      'qcow2',
      fixturePath('debian-mini/debian-mini.qcow2'),
      image,
    ]);
  });

  test('the README’s lines make the small image the artifact', async () => {
    expect(readmeLines().trim().split('\n')).toHaveLength(5);
    const cwd = workFolder({
      'debian.pkr.hcl': `${source('debian')}\nbuild {\n  sources = ["source.file.debian"]\n${readmeLines()}}\n`,
    });
    expect(await packer(cwd, ['validate', '.'])).toMatchObject({ code: 0 });
    const { code, output } = await build(cwd, '.');
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).not.toMatch(/[\r\u001b]/);
    expect(output).toMatch(/file\.debian \(shell-local\): analyze: output-debian\/packer-debian: qcow2, /);
    const made = 'output-debian/packer-debian.optimized.qcow2';
    expect(output).toMatch(
      new RegExp(`--> file\\.debian: Created artifact from files: ${made}, ${made}\\.sha256`),
    );
    expect(statSync(join(cwd, made)).size).toBeLessThan(statSync(image).size);
    await runTool('qemu-img', ['check', join(cwd, made)]);
    const [file] = manifestIn(cwd).builds;
    expect(file!.files).toEqual([
      { name: 'output-debian/packer-debian', size: statSync(image).size },
      { name: made, size: statSync(join(cwd, made)).size },
    ]);
    const sum = spawn('sha256sum', ['-c', 'packer-debian.optimized.qcow2.sha256'], {
      cwd: join(cwd, 'output-debian'),
    });
    expect(await new Promise((resolve) => sum.on('close', resolve))).toBe(0);
  });

  test.each([
    ['hcl2', 'debian.pkr.hcl'],
    ['hcl2-json', 'debian.pkr.json'],
    ['json', 'debian.json'],
  ] as const)('what init prints for %s is valid there, and builds', async (kind, name) => {
    const snippet = snippetFor(kind);
    const text = {
      hcl2: `${source('debian')}\nbuild {\n  sources = ["source.file.debian"]\n${snippet}}\n`,
      'hcl2-json': `{"source": {"file": {"debian": {"source": "built.qcow2", "target": "output-debian/disk"}}}, "build": {"sources": ["source.file.debian"], ${snippet}}}`,
      json: `{"builders": [{"type": "file", "name": "debian", "source": "built.qcow2", "target": "output-debian/disk"}], ${snippet}}`,
    }[kind];
    const cwd = workFolder({ [name]: text });
    const init = await imgopt(['packer', 'init'], { cwd });
    expect({ code: init.code, stdout: init.stdout }).toEqual({ code: 0, stdout: snippet });
    expect(await packer(cwd, ['validate', name])).toMatchObject({ code: 0 });
    const { code, output } = await build(cwd, name);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('.optimized.qcow2');
    // By the imgopt.yml that init began.
    expect(
      readdirSync(join(cwd, 'output-debian')).filter((one) => one.endsWith('.imgopt.json')),
    ).toHaveLength(1);
  });

  const sequence = (command: string): string => `  post-processors {
    post-processor "manifest" {}
    post-processor "shell-local" { inline = ["${command}"] }
  }
`;

  test('several builds at once, one of them without files', async () => {
    const names = ['one', 'two', 'three'];
    const cwd = workFolder({
      'all.pkr.hcl': `${names.map((name) => source(name)).join('')}
source "null" "nothing" {
  communicator = "none"
}
build {
  sources = [${names.map((name) => `"source.file.${name}"`).join(', ')}]
${sequence('imgopt packer post-process --steps optimize')}}
build {
  sources = ["source.null.nothing"]
${sequence('imgopt packer post-process || echo \\"exit $?\\"')}}
`,
    });
    const { code, output } = await build(cwd, '.');
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toMatch(/null\.nothing \(shell-local\): exit 3/);
    expect(output).toContain(
      "IMGOPT_PACKER_NO_FILES: packer-manifest.json: build 'nothing' (null) made Null",
    );
    const { builds } = manifestIn(cwd);
    expect(builds.map((one) => one.name).sort()).toEqual(['nothing', 'one', 'three', 'two']);
    for (const name of names) {
      const files = builds.find((one) => one.name === name)!.files!;
      expect(files.map((file) => file.name)).toEqual([
        `output-${name}/packer-${name}`,
        `output-${name}/packer-${name}.optimized.qcow2`,
      ]);
      for (const file of files) expect(file.size).toBe(statSync(join(cwd, file.name)).size);
    }
    expect(existsSync(join(cwd, 'packer-manifest.json.lock'))).toBe(false);
  });

  test('again without -force: the manifest grows, and each run takes its own build', async () => {
    const cwd = workFolder({
      'a.pkr.hcl': `${source('debian')}\nbuild {\n  sources = ["source.file.debian"]\n${sequence('imgopt packer post-process --no-keep-input --steps optimize')}}\n`,
    });
    for (const run of [1, 2, 3]) {
      const { code, output } = await build(cwd, '.');
      expect({ run, code, output }).toMatchObject({ code: 0 });
      const { builds, last_run_uuid: last } = manifestIn(cwd);
      expect(builds).toHaveLength(run);
      expect(builds.at(-1)!.packer_run_uuid).toBe(last);
      expect(builds.at(-1)!.files).toEqual([
        {
          name: 'output-debian/packer-debian',
          size: statSync(join(cwd, 'output-debian/packer-debian')).size,
        },
      ]);
      expect(statSync(join(cwd, 'output-debian/packer-debian')).size).toBeLessThan(statSync(image).size);
    }
  });

  test('a build that fails before its manifest: the last one’s artifact is not taken for its own', async () => {
    const template = (more: string): string =>
      `${source('debian')}\nbuild {\n  sources = ["source.file.debian"]\n  post-processors {\n${more}    post-processor "shell-local" { inline = ["imgopt packer post-process"] }\n  }\n}\n`;
    const cwd = workFolder({ 'a.pkr.hcl': template('    post-processor "manifest" {}\n') });
    expect((await build(cwd, '.')).code).toBe(0);
    const before = readFileSync(join(cwd, 'packer-manifest.json'), 'utf8');
    // The manifest post-processor got lost: what is there is another run's.
    writeFileSync(join(cwd, 'a.pkr.hcl'), template(''));
    const { code, output } = await build(cwd, '.');
    expect(code).toBe(1);
    expect(output).toContain('IMGOPT_PACKER_OTHER_RUN');
    expect(readFileSync(join(cwd, 'packer-manifest.json'), 'utf8')).toBe(before);
  });

  test('a budget that does not hold fails the build, unless valid_exit_codes allow it', async () => {
    const template = (codes: string): string =>
      `${source('debian')}\nbuild {\n  sources = ["source.file.debian"]\n  post-processors {\n    post-processor "manifest" {}\n    post-processor "shell-local" {\n      inline = ["imgopt packer post-process"]\n${codes}    }\n  }\n}\n`;
    const cwd = workFolder({
      'a.pkr.hcl': template(''),
      'imgopt.yml': 'budgets:\n  limits:\n    - measure: file-size\n      max: 1MiB\n',
    });
    const strict = await build(cwd, '.');
    expect(strict.code).toBe(1);
    expect(strict.output).toMatch(/check: FAIL +file size/);
    expect(strict.output).toContain('Script exited with non-zero exit status: 1');
    writeFileSync(join(cwd, 'a.pkr.hcl'), template('      valid_exit_codes = [0, 1]\n'));
    expect(await build(cwd, '.')).toMatchObject({ code: 0 });
    expect(existsSync(join(cwd, 'output-debian/packer-debian.optimized.qcow2'))).toBe(true);
  });

  test('an artifact that is no image fails the build and says so', async () => {
    const cwd = workFolder({
      'a.pkr.hcl': `source "file" "text" {\n  content = "not an image"\n  target = "out/text"\n}\nbuild {\n  sources = ["source.file.text"]\n${sequence('imgopt packer post-process')}}\n`,
    });
    const { code, output } = await build(cwd, '.');
    expect(code).toBe(1);
    expect(output).toMatch(
      /IMGOPT_PACKER_NO_IMAGE: packer-manifest\.json: none of the files of build 'text' \(file\)/,
    );
  });

  test('names with blanks, a manifest elsewhere, stripped paths', async () => {
    const cwd = workFolder({
      'a b.json': JSON.stringify({
        builders: [
          { type: 'file', name: 'my disk', source: 'built.qcow2', target: 'output-my disk/the disk' },
        ],
        'post-processors': [
          [
            { type: 'manifest', output: 'made/the manifest.json', strip_path: true },
            {
              type: 'shell-local',
              inline: ["imgopt packer post-process --manifest 'made/the manifest.json'"],
            },
          ],
        ],
      }),
    });
    mkdirSync(join(cwd, 'made'));
    const { code, output } = await build(cwd, 'a b.json');
    expect({ code, output }).toMatchObject({ code: 0 });
    const [made] = manifestIn(cwd, 'made/the manifest.json').builds;
    expect(made!.files!.map((file) => file.name)).toEqual(['the disk', 'the disk.optimized.qcow2']);
    expect(existsSync(join(cwd, 'output-my disk/the disk.optimized.qcow2'))).toBe(true);
  });
});
