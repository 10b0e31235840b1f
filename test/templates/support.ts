/** Lints texts as files of a folder of their own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type LintFinding, type LintResult, type LintSettings, lint } from '../../src/templates/lint.ts';
import type { Project } from '../../src/templates/plan.ts';
import { loadProject } from '../../src/templates/project.ts';
import type { LintExample, LintRule } from '../../src/templates/rule.ts';

export type Texts = Readonly<Record<string, string>>;

export interface Linted {
  readonly project: Project;
  readonly result: LintResult;
}

/** Runs `work` in a folder that holds the files. */
export async function withFiles<T>(files: Texts, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-lint-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param named what is linted; the folder unless told */
export function lintFiles(files: Texts, named?: readonly string[], settings?: LintSettings): Promise<Linted> {
  return withFiles(files, async (folder) => {
    const project = await loadProject((named ?? ['.']).map((name) => join(folder, name)));
    return { project, result: lint(project, settings) };
  });
}

const CHECKSUM = `sha256:${'0'.repeat(64)}`;

const SOURCE_DEFAULTS: readonly (readonly [string, string])[] = [
  ['iso_url', '"https://example.org/debian.iso"'],
  ['iso_checksum', `"${CHECKSUM}"`],
  ['ssh_username', '"debian"'],
  ['communicator', '"ssh"'],
];

/** A qemu source with these lines, and what else it needs. */
export function sourceBlock(lines: string): string {
  const given = new Set([...lines.matchAll(/^\s*(\w+)\s*=/gm)].map((match) => match[1]));
  const rest = SOURCE_DEFAULTS.filter(([name]) => !given.has(name)).map(
    ([name, value]) => `  ${name} = ${value}`,
  );
  return `source "qemu" "debian" {\n${rest.join('\n')}\n${lines}\n}\n`;
}

/** A build of that source with these lines. */
export function buildBlock(lines: string): string {
  return `build {\n  sources = ["source.qemu.debian"]\n${lines}\n}\n`;
}

/** An example as files that can be linted. */
export function exampleFiles({ language }: LintExample, text: string): Texts {
  switch (language) {
    case 'source':
      return { 'debian.pkr.hcl': sourceBlock(text) };
    case 'build':
      return { 'debian.pkr.hcl': sourceBlock('  disk_discard = "unmap"') + buildBlock(text) };
    case 'hcl':
      return { 'debian.pkr.hcl': text };
    case 'shell':
      return { 'setup.sh': text };
    case 'cloud-init':
      return { 'user-data': text };
    case 'kickstart':
      return { 'ks.cfg': text };
  }
}

/** A script as the only provisioner of a build. */
export const provisioned = (script: string, source = '  disk_discard = "unmap"'): Texts => ({
  'debian.pkr.hcl': sourceBlock(source) + buildBlock('  provisioner "shell" {\n    script = "setup.sh"\n  }'),
  'setup.sh': script,
});

export interface RuleCheck {
  /** Messages of the rule's findings, in order. */
  messages(files: Texts, named?: readonly string[]): Promise<string[]>;
  /** Lines that it points at. */
  lines(files: Texts): Promise<number[]>;
  findings(files: Texts): Promise<LintFinding[]>;
  /** The files after its fixes. */
  fixed(files: Texts): Promise<Record<string, string>>;
}

/** The tests that every rule passes, and what it alone has to: its example is found where it is bad, and nowhere else. */
export function describeRule(rule: LintRule, more: (check: RuleCheck) => void): void {
  const only = { off: [], levels: {}, only: [rule.id] };
  const findings = async (files: Texts, named?: readonly string[]): Promise<LintFinding[]> => [
    ...(await lintFiles(files, named, only)).result.findings,
  ];
  const fixed = async (files: Texts): Promise<Record<string, string>> => {
    const { fixedFiles } = await import('../../src/templates/fix.ts');
    const made = fixedFiles(await findings(files), () => true);
    return Object.fromEntries(made.map(({ file, text }) => [file.path.split('/').at(-1)!, text]));
  };
  describe(rule.id, () => {
    it('finds its bad example, and nothing in the good one', async () => {
      const bad = await findings(exampleFiles(rule.example, rule.example.bad));
      expect(bad.length).toBeGreaterThan(0);
      expect(await findings(exampleFiles(rule.example, rule.example.good))).toEqual([]);
      if (rule.isFixable === true) expect(bad.every((one) => one.edits.length > 0)).toBe(true);
      else expect(bad.every((one) => one.edits.length === 0)).toBe(true);
    });

    if (rule.isFixable === true) {
      it('finds nothing any more once its example is fixed', async () => {
        const files = exampleFiles(rule.example, rule.example.bad);
        expect(await findings({ ...files, ...(await fixed(files)) })).toEqual([]);
      });
    }

    more({
      findings,
      fixed,
      messages: async (files, named) => (await findings(files, named)).map((one) => one.message),
      lines: async (files) =>
        (await findings(files)).map(({ place }) => place.file.position(place.start).line),
    });
  });
}
