import { Args, Flags } from '@oclif/core';
import { BaseCommand, type GlobalFlags } from '../cli/base-command.ts';
import { CONFIG_FLAG, configOf } from '../cli/config.ts';
import { EXIT, usage } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';
import { LINT_FORMATS, renderLint } from '../reporters/lint/index.ts';
import type { FixedFile } from '../templates/fix.ts';
import type { LintResult, LintSettings } from '../templates/lint.ts';
import type { LintReport } from '../templates/lint-report.ts';
import type { Project } from '../templates/plan.ts';
import type { LintSeverity } from '../templates/rule.ts';

export default class Lint extends BaseCommand {
  static override summary = 'Find what makes images large or unsafe in Packer templates and their scripts.';
  static override description =
    'Reads HCL2 and JSON templates, and what they call: shell scripts, Ansible playbooks, cloud-init, kickstart and ' +
    'preseed files. Nothing is run and nothing is sent anywhere. What depends on the build is left out rather than ' +
    'guessed at; a rule says that something is missing only where all of the steps are known.\n\n' +
    '--artifact holds the template against the image that came of it: what each installing line costs there, and ' +
    'which of the clean-up steps left something behind.\n\n' +
    'A comment `# imgopt ignore=RULE` speaks of its line or the next one; `# imgopt ignore-file=RULE` of the file. ' +
    'Exit code 1: findings of at least --fail-on; 3: not all files could be read.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> packer/',
    '<%= config.bin %> <%= command.id %> debian.pkr.hcl --diff',
    '<%= config.bin %> <%= command.id %> packer/ --format sarif --output lint.sarif --format table',
    '<%= config.bin %> <%= command.id %> debian.pkr.hcl --artifact output/debian.qcow2',
  ];
  static override strict = false;
  static override args = {
    path: Args.string({
      required: true,
      description: 'Templates, scripts, playbooks, or folders of these; several.',
    }),
  };
  static override flags = {
    format: Flags.string({
      summary: 'Format of the result; once for each output.',
      options: [...LINT_FORMATS],
      multiple: true,
      multipleNonGreedy: true,
    }),
    output: Flags.string({
      summary: 'File for the result: the first for the first --format, and so on; the rest is printed.',
      helpValue: 'PATH',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'fail-on': Flags.option({
      summary: 'Findings of this severity and above fail the run (default: warning).',
      options: ['info', 'warning', 'error', 'never'] as const,
    })(),
    rule: Flags.string({
      summary: 'Run only this rule; repeatable.',
      helpValue: 'ID',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'not-rule': Flags.string({
      summary: 'Leave this rule out; repeatable.',
      helpValue: 'ID',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'var-file': Flags.string({
      summary: 'Values of variables, as for packer build; repeatable.',
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    fix: Flags.boolean({ summary: 'Fix what can be fixed, and tell what is left.', exclusive: ['diff'] }),
    diff: Flags.boolean({ summary: 'Print what --fix would change, as a unified diff, and change nothing.' }),
    artifact: Flags.string({
      summary: 'The image that came of the template: what its lines cost, and whether its clean-up worked.',
      helpValue: 'IMAGE',
    }),
    top: Flags.integer({
      summary: 'Length of the lists about the artifact; 0 is all.',
      helpValue: 'N',
      min: 0,
      default: 20,
    }),
    config: CONFIG_FLAG,
    force: Flags.boolean({ summary: 'Overwrite outputs that exist.' }),
    'follow-outside': Flags.boolean({
      summary: 'Let the image refer to files outside of its own folder (backing files, extents).',
      dependsOn: ['artifact'],
    }),
  };

  async run(): Promise<LintReport> {
    const { argv, flags } = await this.parse(Lint);
    const paths = argv as string[];
    const { planOutputs } = await import('../cli/outputs.ts');
    const plans = planOutputs(flags.format ?? [], flags.output ?? [], this.jsonEnabled() || flags.diff);
    const [{ assertCreatable }, { writeTextFile }] = await Promise.all([
      import('../core/output-file.ts'),
      import('../cli/output-file.ts'),
    ]);
    for (const { path } of plans) if (path !== null) await assertCreatable(path, flags.force);
    const { config } = await configOf(flags);
    const settings = await this.settings(config.lint, flags.rule ?? [], flags['not-rule'] ?? []);
    const { project, result } = await this.lint(paths, flags, settings);
    if (flags.diff) {
      const { unifiedDiff } = await import('../templates/fix.ts');
      const diff = (await this.fixes(result)).map(unifiedDiff);
      if (!this.jsonEnabled()) await this.print(diff);
    }
    const { createLintReport } = await import('../templates/lint-report.ts');
    const artifact = await this.artifact(project, flags);
    const report = createLintReport(project, result, { version: this.config.version, artifact });
    const { columns, color } = this.terminal(flags);
    for (const { format, path } of plans) {
      const text = await renderLint(format, report, {
        columns,
        color: color && path === null,
        top: flags.top,
      });
      if (path === null) await this.print(text);
      else await writeTextFile(path, text, { force: flags.force, signal: this.signal });
    }
    for (const { severity, code, message, where } of report.diagnostics) {
      if (severity !== 'info')
        this.note(`imgopt: ${severity}: ${code}: ${escapeName(`${where}: ${message}`)}`, flags);
    }
    const failOn = flags['fail-on'] ?? config.lint?.failOn ?? 'warning';
    const { countAtLeast } = await import('../templates/lint.ts');
    if (failOn !== 'never' && countAtLeast(result.findings, failOn) > 0) process.exitCode = EXIT.failedCheck;
    if (report.diagnostics.some((one) => one.severity === 'error')) process.exitCode = EXIT.unreadable;
    return report;
  }

  private async settings(
    section: { off: readonly string[]; levels: { readonly [rule: string]: LintSeverity } } | undefined,
    only: readonly string[],
    without: readonly string[],
  ): Promise<LintSettings> {
    const [{ LINT_RULES }, { nearestWord }] = await Promise.all([
      import('../templates/rules/index.ts'),
      import('../core/nearest.ts'),
    ]);
    const ids = LINT_RULES.map((rule) => rule.id);
    for (const id of [...only, ...without]) {
      if (ids.includes(id)) continue;
      const nearest = nearestWord(id, ids);
      throw usage('UNKNOWN_RULE', `there is no lint rule '${escapeName(id)}'`, {
        advice: nearest === undefined ? 'docs/lint.md lists them' : `did you mean '${nearest}'?`,
      });
    }
    // A rule that is asked for by name runs, whatever the configuration says.
    const off = (section?.off ?? []).filter((id) => !only.includes(id));
    return { off: [...off, ...without], levels: section?.levels ?? {}, only };
  }

  /** Reads and checks; with --fix, fixes and does so again. */
  private async lint(
    paths: readonly string[],
    flags: GlobalFlags & { fix: boolean; 'var-file'?: string[] | undefined },
    settings: LintSettings,
  ): Promise<{ project: Project; result: LintResult }> {
    const [{ loadProject }, { lint }] = await Promise.all([
      import('../templates/project.ts'),
      import('../templates/lint.ts'),
    ]);
    const options = { variableFiles: flags['var-file'] ?? [] };
    const project = await loadProject(paths, options);
    const result = lint(project, settings);
    if (!flags.fix) return { project, result };
    const fixed = await this.fixes(result);
    const { replaceText } = await import('../cli/output-file.ts');
    for (const { file, text } of fixed) await replaceText(file.path, file.text, text, this.signal);
    if (fixed.length === 0) return { project, result };
    const edits = fixed.reduce((sum, one) => sum + one.findings, 0);
    this.note(
      `fixed ${edits} ${edits === 1 ? 'finding' : 'findings'} in ${fixed.map((one) => escapeName(one.file.path)).join(', ')}`,
      flags,
    );
    const again = await loadProject(paths, options);
    return { project: again, result: lint(again, settings) };
  }

  private async fixes(result: LintResult): Promise<FixedFile[]> {
    const { fixedFiles } = await import('../templates/fix.ts');
    const recoded = new Set(
      result.problems.filter((one) => one.code === 'IMGOPT_LINT_NOT_UTF8').map((one) => one.path),
    );
    return fixedFiles(result.findings, (file) => !recoded.has(file.path));
  }

  private async artifact(
    project: Project,
    flags: GlobalFlags & { artifact?: string | undefined; 'follow-outside': boolean },
  ): Promise<LintReport['artifact']> {
    const path = flags.artifact;
    if (path === undefined) return null;
    const [{ openSubject }, { viewArtifact }] = await Promise.all([
      import('../cli/subject.ts'),
      import('../templates/artifact.ts'),
    ]);
    const subject = await openSubject(path, this.createContext(flags), {
      drivers: () => this.drivers(),
      version: this.config.version,
      top: 1,
      followOutside: flags['follow-outside'],
      imageOnly: ['--artifact'],
    });
    try {
      return { path, ...(await viewArtifact(project, subject.inspection!)) };
    } finally {
      await subject.close();
    }
  }
}
