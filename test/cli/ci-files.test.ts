/**
 * The action, the template and the example workflow: every line of shell in them is run here, with what the runners
 * would give it. npx finds the imgopt of this checkout; packer and gh write down how they were called.
 */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { MiB, madeReport } from '../budgets/made.ts';
import { ROOT } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';

interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly shell?: string;
}

const read = <T>(name: string): T => parse(readFileSync(join(ROOT, name), 'utf8')) as T;
const action = read<{
  inputs: Record<string, { default?: string; required?: boolean }>;
  outputs: Record<string, { value: string }>;
  runs: { using: string; steps: Step[] };
}>('action.yml');
const template =
  read<
    Record<
      string,
      {
        variables: Record<string, string>;
        script: string[];
        artifacts: { paths: string[]; reports: Record<string, string> };
      }
    >
  >('ci/gitlab.yml');
const workflow = read<{ jobs: { image: { steps: Step[] } } }>('ci/github-workflow.yml');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

const folder = temporaryFolder();

/** A working folder with shims, a report of an image, and a smaller one as its baseline. */
function workplace() {
  const cwd = mkdtempSync(join(folder, 'work-'));
  const bin = mkdtempSync(join(folder, 'bin-'));
  const calls = join(bin, 'calls');
  const shim = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  // npx --yes imgopt@VERSION …
  shim(
    'npx',
    `[ "$1 $2" = "--yes imgopt@${version}" ] || exit 99\nshift 2\nexec "${process.execPath}" "${join(ROOT, 'bin/run.js')}" "$@"`,
  );
  shim('node', `exec "${process.execPath}" "$@"`);
  for (const name of ['packer', 'gh']) shim(name, `printf '%s\\n' "${name} $*" >>"${calls}"`);
  const save = (name: string, fileSize: number): string => {
    writeFileSync(
      join(cwd, name),
      JSON.stringify(madeReport({ fileSize, packages: [{ name: 'gcc', size: fileSize }] })),
    );
    return name;
  };
  return {
    cwd,
    bin,
    calls,
    artifact: save('an image.json', 100 * MiB),
    baseline: save('old.json', 80 * MiB),
  };
}

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** As GitHub's runner starts `shell: bash`, and as GitLab's does. */
function bash(script: string, cwd: string, bin: string, env: Record<string, string>): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      'bash',
      ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script],
      { cwd, env: { PATH: `${bin}:${process.env.PATH}`, HOME: process.env.HOME ?? '', ...env } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** `${{ inputs.x }}` and `${{ steps.x.outputs.y }}`. */
function evaluate(text: string, values: Readonly<Record<string, string>>): string {
  return String(text).replace(/\$\{\{\s*([^}]+?)\s*\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`nothing gives ${name}`);
    return value;
  });
}

async function runAction(inputs: Record<string, string>, where = workplace()) {
  const temp = mkdtempSync(join(folder, 'runner-'));
  const files = { GITHUB_OUTPUT: join(temp, 'output'), GITHUB_STEP_SUMMARY: join(temp, 'summary') };
  for (const path of Object.values(files)) writeFileSync(path, '');
  const values: Record<string, string> = {};
  for (const [name, { default: value = '' }] of Object.entries(action.inputs)) {
    values[`inputs.${name}`] = inputs[name] ?? String(value);
  }
  let ran: Ran = { code: 0, stdout: '', stderr: '' };
  for (const step of action.runs.steps) {
    if (step.run === undefined) continue;
    expect(step.shell).toBe('bash');
    expect(step.run).not.toContain('${{'); // inputs come as environment, never as text of the script
    const env = Object.fromEntries(
      Object.entries(step.env ?? {}).map(([key, text]) => [key, evaluate(text, values)]),
    );
    ran = await bash(step.run, where.cwd, where.bin, { RUNNER_TEMP: temp, ...files, ...env });
    for (const line of readFileSync(files.GITHUB_OUTPUT, 'utf8').trimEnd().split('\n')) {
      const at = line.indexOf('=');
      if (at > 0) values[`steps.${step.id}.outputs.${line.slice(0, at)}`] = line.slice(at + 1);
    }
  }
  const output = (name: string): string => evaluate(action.outputs[name]!.value, values);
  return { ...ran, output, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8') };
}

describe('action.yml', () => {
  test('over budget: exit code 1, annotations, summary, and every output that it promises', async () => {
    const where = workplace();
    const { code, stdout, stderr, output, summary } = await runAction(
      {
        artifact: where.artifact,
        'max-growth': '5%',
        baseline: where.baseline,
        'max-size': '1GiB',
        history: 'sizes.jsonl',
      },
      where,
    );
    expect(code, stderr).toBe(1);
    expect(stdout).toContain('deterministic: retrying will not help');
    expect(stderr).toMatch(/^::error file=/m);
    expect(summary).toContain('### ❌');
    expect(output('verdict')).toBe('fail');
    expect(JSON.parse(readFileSync(output('json'), 'utf8')).schema).toBe('imgopt.check/1');
    expect(readFileSync(output('markdown'), 'utf8')).toContain('`gcc`');
    expect(JSON.parse(readFileSync(output('sarif'), 'utf8')).version).toBe('2.1.0');
    expect(readFileSync(output('junit'), 'utf8')).toContain('<testsuites');
    expect(existsSync(join(where.cwd, 'sizes.jsonl'))).toBe(true);
  });

  test('within budget: exit code 0', async () => {
    const where = workplace();
    const { code, output } = await runAction({ artifact: where.artifact, preset: 'github-release' }, where);
    expect([code, output('verdict')]).toEqual([0, 'pass']);
  });

  test('a bad call is exit code 2, with no verdict', async () => {
    const where = workplace();
    const { code, output, stderr } = await runAction({ artifact: where.artifact, 'max-size': 'much' }, where);
    expect([code, output('verdict')]).toEqual([2, '']);
    expect(stderr).toContain('IMGOPT_BAD_SIZE');
  });

  test.each(['--help', '$(touch injected)', '`touch injected`', '"; touch injected; "', '-x'])(
    'an input is an argument and nothing else: %s',
    async (hostile) => {
      const where = workplace();
      for (const inputs of [
        { artifact: hostile, 'max-size': '1' },
        { artifact: where.artifact, 'max-size': hostile },
      ]) {
        const { code, stdout } = await runAction(inputs, where);
        expect([2, 3]).toContain(code);
        expect(stdout).not.toContain('USAGE');
      }
      expect(existsSync(join(where.cwd, 'injected'))).toBe(false);
    },
  );

  test('uses this version, and needs nothing but the artifact', () => {
    expect(action.inputs['version']!.default).toBe(version);
    const required = Object.entries(action.inputs).filter(([, input]) => input.required === true);
    expect(required.map(([name]) => name)).toEqual(['artifact']);
  });
});

describe('ci/gitlab.yml', () => {
  const job = template['.imgopt-check']!;

  test('its script runs, fails with the check, and leaves what it says it does', async () => {
    const { cwd, bin, artifact, baseline } = workplace();
    const variables = {
      ...job.variables,
      IMGOPT_ARTIFACT: artifact,
      IMGOPT_ARGS: `--baseline ${baseline} --max-growth 5%`,
    };
    const { code, stdout, stderr } = await bash(job.script.join('\n'), cwd, bin, variables);
    expect(code, stderr).toBe(1);
    expect(stdout).toContain('over budget');
    for (const path of [...job.artifacts.paths, ...Object.values(job.artifacts.reports)]) {
      expect(existsSync(join(cwd, path)), path).toBe(true);
    }
    expect(JSON.parse(readFileSync(join(cwd, job.artifacts.reports['codequality']!), 'utf8'))).toHaveLength(
      1,
    );
    expect(job.variables['IMGOPT_VERSION']).toBe(version);
  });
});

describe('ci/github-workflow.yml', () => {
  const { steps } = workflow.jobs.image;

  test('every shell line runs; what it gives the action are inputs, what it takes are outputs', async () => {
    const where = workplace();
    const summary = join(where.cwd, 'summary.md');
    writeFileSync(summary, '');
    const values: Record<string, string> = {
      'github.token': 'token',
      'github.run_id': '1',
      'github.event.pull_request.number': '7',
    };
    let shellLines = 0;
    for (const step of steps) {
      if (step.uses?.startsWith('imgopt/imgopt@') === true) {
        expect(Object.keys(step.with!).filter((name) => !(name in action.inputs))).toEqual([]);
        const { code, output } = await runAction(
          { ...step.with, artifact: where.artifact, baseline: where.baseline },
          where,
        );
        expect(code).toBe(1);
        for (const name of Object.keys(action.outputs))
          values[`steps.${step.id}.outputs.${name}`] = output(name);
      }
      for (const text of Object.values({ ...step.with, ...step.env })) evaluate(text, values);
      if (step.run === undefined) continue;
      expect(step.run).not.toContain('${{');
      const env = Object.fromEntries(
        Object.entries(step.env ?? {}).map(([key, text]) => [key, evaluate(text, values)]),
      );
      const { code, stderr } = await bash(step.run, where.cwd, where.bin, {
        GITHUB_STEP_SUMMARY: summary,
        ...env,
      });
      expect(code, `${step.run}: ${stderr}`).toBe(0);
      shellLines++;
    }
    expect(shellLines).toBe(3);
    expect(readFileSync(where.calls, 'utf8').trimEnd().split('\n')).toEqual([
      'packer init .',
      'packer build -force .',
      expect.stringMatching(/^gh pr comment 7 --edit-last --create-if-none --body-file \/.*\/check\.md$/),
    ]);
    expect(readFileSync(summary, 'utf8')).toMatch(/1 build of disk\.qcow2/);
    expect(readFileSync(join(where.cwd, 'trend.html'), 'utf8')).toMatch(/^<!doctype html>/);
  });
});
