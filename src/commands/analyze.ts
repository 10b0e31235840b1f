import { basename } from 'node:path';
import { Args, Flags } from '@oclif/core';
import type { EmitKind } from '../analyzers/emit.ts';
import { PLATFORMS } from '../analyzers/families.ts';
import type { Snapshot } from '../budgets/snapshot.ts';
import { BaseCommand, type GlobalFlags } from '../cli/base-command.ts';
import { CONFIG_FLAG, configOf } from '../cli/config.ts';
import { buildOfEnvironment } from '../cli/packer-environment.ts';
import { REMOTE_FLAGS, type RemoteFlags } from '../cli/remote-flags.ts';
import type { Subject } from '../cli/subject.ts';
import type { Report, Safety } from '../core/contracts/report.ts';
import { EXIT, usage } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';
import { type BuildReport, buildReport } from '../reporters/build-report.ts';
import { loadReporter, REPORTER_NAMES } from '../reporters/index.ts';

/** The word for the script of --emit among the outputs. */
const EMITTED = 'emit';

/** Flags whose question only an image can answer. */
const IMAGE_ONLY = [
  'deep',
  'emit',
  'rule',
  'not-rule',
  'what-if',
  'profile',
  'platform',
  'follow-outside',
  'verify',
] as const;

export default class Analyze extends BaseCommand {
  static override summary = 'Explain where the bytes of a machine image are.';
  static override description =
    'Packages, files, directories, kinds of files, and what the artifact ships beside them: metadata, deleted ' +
    'data in unused blocks, volumes that were not read. Needs no root, no mount and no KVM; the artifact is only read.\n\n' +
    'By default nothing beyond metadata is read, and deleted data is estimated from the map of the image; --deep ' +
    'reads the unused blocks and measures it. Exit code 3: not all of the artifact could be read; the report says what.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> output/debian.qcow2',
    '<%= config.bin %> <%= command.id %> disk.vmdk --deep --top 50',
    '<%= config.bin %> <%= command.id %> disk.raw --json | jq .books',
    '<%= config.bin %> <%= command.id %> disk.raw --format ncdu --output files.json && ncdu -f files.json',
    '<%= config.bin %> <%= command.id %> disk.qcow2 --emit shell --safety review --not-rule toolchain > cleanup.sh',
  ];
  static override args = {
    artifact: Args.string({
      required: true,
      description:
        'Path or http(s) address of an image, a packer-manifest.json, a package list, an SBOM or a saved report.',
    }),
  };
  static override flags = {
    top: Flags.integer({ summary: 'Length of the lists; 0 is all.', helpValue: 'N', min: 0, default: 20 }),
    deep: Flags.boolean({ summary: 'Read the unused blocks and measure what they still hold.' }),
    format: Flags.string({
      summary: 'Format of the report; once for each output.',
      options: [...REPORTER_NAMES],
      multiple: true,
      multipleNonGreedy: true,
    }),
    output: Flags.string({
      summary: 'File for the report: the first for the first --format, and so on; the rest is printed.',
      helpValue: 'PATH',
      multiple: true,
      multipleNonGreedy: true,
    }),
    emit: Flags.option({
      summary: 'Print what removes the suggested things instead of the table.',
      options: ['shell', 'packer', 'ansible'] as const,
    })(),
    safety: Flags.option({
      summary: 'What --emit removes at most.',
      options: ['safe', 'review', 'risky'] as const,
      default: 'safe',
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
    'what-if': Flags.string({
      summary:
        'Suggest just this (rules, packages or paths, by commas): what goes with it, and the size afterwards.',
      helpValue: 'LIST',
    }),
    profile: Flags.option({
      summary: 'Also report what must not be published with an image.',
      options: ['publish'] as const,
    })(),
    platform: Flags.option({
      summary: 'Where the image will run: agents of other platforms can go.',
      options: PLATFORMS,
    })(),
    config: CONFIG_FLAG,
    ...REMOTE_FLAGS,
    'artifact-dir': Flags.string({
      summary: 'Where the files of a packer-manifest.json are, if not where it says.',
      helpValue: 'DIR',
    }),
    baseline: Flags.string({
      summary: 'Report, artifact or recorded baseline that --format html shows the difference from.',
      helpValue: 'PATH',
    }),
    force: Flags.boolean({ summary: 'Overwrite outputs that exist.' }),
    'follow-outside': Flags.boolean({
      summary: 'Let the image refer to files outside of its own folder (backing files, extents).',
    }),
    verify: Flags.boolean({
      summary: 'Check the digests that the artifact carries (OVA, OCI image); reads all of it.',
    }),
  };

  private async writeFile(path: string, text: Iterable<string>, force: boolean): Promise<void> {
    const { writeTextFile } = await import('../cli/output-file.ts');
    await writeTextFile(path, text, { force, signal: this.signal });
  }

  /** What the page tells the difference from; with all its files, since a list that is cut says nothing of the rest. */
  private async baseline(
    flags: GlobalFlags & RemoteFlags & { 'follow-outside': boolean },
    path: string,
  ): Promise<Snapshot> {
    const [{ openBaseline }, { snapshotOf }] = await Promise.all([
      import('../cli/compared.ts'),
      import('../budgets/snapshot.ts'),
    ]);
    const context = this.createContext(flags);
    const remote = await this.remote(flags, context);
    const name = await remote.admit(path);
    const { recorded, subject } = await openBaseline(name, context, {
      remote,
      drivers: () => this.drivers(),
      version: this.config.version,
      top: 0,
      followOutside: flags['follow-outside'],
    });
    if (subject === null) return recorded;
    await subject.close();
    return snapshotOf(subject.report, name, subject.kind);
  }

  async run(): Promise<Report | BuildReport> {
    const { args, flags } = await this.parse(Analyze);
    const { planOutputs } = await import('../cli/outputs.ts');
    const formats = [...(flags.format ?? []), ...(flags.emit === undefined ? [] : [EMITTED])];
    const plans = planOutputs(formats, flags.output ?? [], this.jsonEnabled());
    for (const { path } of plans) {
      if (path !== null) await (await import('../core/output-file.ts')).assertCreatable(path, flags.force);
    }
    if (flags.baseline !== undefined && !plans.some(({ format }) => format === 'html')) {
      throw usage('BASELINE_UNUSED', '--baseline is for --format html', {
        advice: 'add --format html, or compare with imgopt diff',
      });
    }
    const { config } = await configOf(flags);
    const { isIncomplete, openSubjects } = await import('../cli/subject.ts');
    const context = this.createContext(flags);
    const remote = await this.remote(flags, context);
    const artifact = await remote.admit(args.artifact);
    const subjects = await openSubjects(artifact, context, {
      remote,
      drivers: () => this.drivers(),
      version: this.config.version,
      top: flags.top,
      deep: flags.deep,
      followOutside: flags['follow-outside'],
      verify: flags.verify,
      rules: { ...config.rules, platform: flags.platform ?? null },
      only: flags.rule ?? [],
      without: flags['not-rule'] ?? [],
      publish: flags.profile === 'publish',
      build: buildOfEnvironment(process.env),
      ...(flags['artifact-dir'] === undefined ? {} : { artifactFolder: flags['artifact-dir'] }),
      outputs: plans.flatMap(({ path }) => path ?? []),
      imageOnly: IMAGE_ONLY.filter((name) => flags[name] !== undefined && flags[name] !== false).map(
        (name) => `--${name}`,
      ),
      ...(flags['what-if'] === undefined
        ? {}
        : { whatIf: flags['what-if'].split(',').filter((one) => one !== '') }),
    });
    try {
      const reports = subjects.map((one) => one.report);
      for (const { format, path } of plans) {
        const text = await this.textOf(format, subjects, path === null, flags, artifact);
        if (path === null) await this.print(text);
        else await this.writeFile(path, text, flags.force);
      }
      if (reports.some(isIncomplete)) process.exitCode = EXIT.unreadable;
      return reports.length === 1 ? reports[0]! : buildReport(reports);
    } finally {
      await Promise.all(subjects.map((one) => one.close()));
    }
  }

  /** One result, of one image or of several where its format can hold them. */
  private async textOf(
    format: string,
    subjects: readonly Subject[],
    isPrinted: boolean,
    flags: GlobalFlags &
      RemoteFlags & {
        top: number;
        emit?: EmitKind | undefined;
        safety: Safety;
        baseline?: string | undefined;
        'follow-outside': boolean;
      },
    artifact: string,
  ): Promise<Iterable<string>> {
    const [subject, ...more] = subjects as [Subject, ...Subject[]];
    if (more.length > 0 && format === 'json')
      return [`${JSON.stringify(buildReport(subjects.map((one) => one.report)), null, 2)}\n`];
    if (more.length > 0 && format !== 'table') {
      const paths = subjects.map(({ report }) => escapeName(report.artifact.path)).join(', ');
      throw usage('SEVERAL_IMAGES', `${format} holds one image, and the build has several: ${paths}`, {
        advice: 'name one of them',
      });
    }
    if (format === EMITTED) {
      const { emit } = await import('../analyzers/emit.ts');
      return [
        emit(flags.emit!, subject.advice!.resolved, subject.inspection!.packages, {
          safety: flags.safety,
          artifact: basename(artifact),
          version: this.config.version,
        }),
      ];
    }
    if (format === 'html' && flags.baseline !== undefined) {
      const baseline = await this.baseline(flags, flags.baseline);
      return (await import('../reporters/html.ts')).renderPage(subject.report, subject.inspection, baseline);
    }
    const reporter = await loadReporter(format);
    if (reporter === undefined) throw usage('UNKNOWN_REPORTER', `there is no format '${format}'`);
    const { columns, color } = this.terminal(flags);
    const texts = subjects.map(({ report, inspection }) =>
      reporter.render(report, { columns, color: color && isPrinted, top: flags.top, inspection }),
    );
    return joined(texts);
  }
}

/** One after the other, an empty line between. */
function* joined(texts: readonly Iterable<string>[]): Generator<string> {
  for (const [index, text] of texts.entries()) {
    if (index > 0) yield '\n';
    yield* text;
  }
}
