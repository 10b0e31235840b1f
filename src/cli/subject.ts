/**
 * What a command is asked about, whatever it is: an image, or something that was written about one. From here on
 * every command sees the same thing: a report, and the inspection that it was made from where there was an image.
 *
 * The kind is found from the content. What reads as a manifest is one; everything else is taken for an image and
 * fails as an image would. Only an image can answer some questions (`--deep`, rules, scripts), so asking them of
 * a manifest is an error rather than an answer that leaves them out.
 */
import { realpath } from 'node:fs/promises';
import type { Advice } from '../analyzers/advise.ts';
import type { RunContext } from '../core/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Drivers } from '../core/contracts/registry.ts';
import type { PredictionSection, Report } from '../core/contracts/report.ts';
import type { RuleOptions } from '../core/contracts/rule.ts';
import { isArtifactError, usage } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';
import type { BuildChoice } from '../manifests/packer-manifest.ts';
import { isAddress, type RemoteAccess } from '../sources/remote.ts';

export interface SubjectOptions {
  /** Called when there is an image to open. */
  readonly drivers: () => Promise<Drivers>;
  /** Of imgopt. */
  readonly version: string;
  /** Length of the report's lists of files and directories; 0 is all. A saved report keeps its own. */
  readonly top: number;
  /** Read the unused blocks. */
  readonly deep?: boolean;
  /** Let images refer to files outside of the artifact's folder. */
  readonly followOutside?: boolean;
  /** Check the digests that a container carries. */
  readonly verify?: boolean;
  /** Opens artifacts that an address names. */
  readonly remote?: RemoteAccess | undefined;
  /** What a configuration and --platform say of rules. */
  readonly rules?: Partial<RuleOptions>;
  /** Ids of the only rules to run; all that are not off when empty. */
  readonly only?: readonly string[];
  readonly without?: readonly string[];
  /** In place of what the rules find: rules, packages and paths. */
  readonly whatIf?: readonly string[];
  /** Rules of hygiene too. */
  readonly publish?: boolean;
  /** Files that are about to be written: none may be the artifact's own. */
  readonly outputs?: readonly string[];
  /** Which build of a packer-manifest.json; the last run's last unless told. */
  readonly build?: BuildChoice;
  /** Where that build's files are, when the manifest does not tell. */
  readonly artifactFolder?: string;
  /** For what cannot be asked of a manifest: the names of flags that only an image can answer. */
  readonly imageOnly?: readonly string[];
}

export interface Subject {
  /** `report`: one that imgopt wrote; `manifest`: a package list or an SBOM, named by `report.artifact.format`. */
  readonly kind: 'image' | 'report' | 'manifest';
  readonly report: Report;
  /** Open until `close`; null without an image. */
  readonly inspection: Inspection | null;
  /** What the rules found, as `emit` takes it; null without an image. */
  readonly advice: Advice | null;
  close(): Promise<void>;
}

/**
 * Opens what `path` names and makes its report. The caller closes it.
 * @throws ImgoptError `unreadable`, `corrupt` or `unsupported` when it is nothing that imgopt reads, `usage` for an
 * output that is the artifact itself, an unknown rule, a question that only an image can answer, or a Packer build
 * of several images
 */
export async function openSubject(
  path: string,
  context: RunContext,
  options: SubjectOptions,
): Promise<Subject> {
  const subjects = await openSubjects(path, context, options);
  const [first] = subjects;
  if (first !== undefined && subjects.length === 1) return first;
  await Promise.all(subjects.map((one) => one.close()));
  const paths = subjects.map(({ report }) => escapeName(report.artifact.path)).join(', ');
  throw usage('SEVERAL_IMAGES', `the build has ${subjects.length} images: ${paths}`, {
    where: [path],
    advice: 'name one of them',
  });
}

/**
 * As `openSubject`, for who can do with several: a packer-manifest.json may name several disks. At least one.
 */
export async function openSubjects(
  path: string,
  context: RunContext,
  options: SubjectOptions,
): Promise<readonly Subject[]> {
  const { readManifest } = await import('../manifests/read.ts');
  const { remote } = options;
  if (remote === undefined && isAddress(path)) {
    throw usage('NO_REMOTE', 'an address cannot be read here', {
      advice: "save a report first: 'imgopt analyze ADDRESS --json'",
    });
  }
  const isRemote = remote !== undefined && isAddress(path);
  const open = isRemote ? () => remote.open(path) : undefined;
  const manifest = await readManifest(path, options.version, open);
  if (options.artifactFolder !== undefined && manifest?.kind !== 'packer') {
    throw usage('NO_PACKER_MANIFEST', '--artifact-dir is for the files of a packer-manifest.json', {
      where: [path],
      advice: 'leave it out',
    });
  }
  if (manifest === undefined) return [await openImage(path, context, options)];
  await assertNoInput(options.outputs ?? [], [path]);
  if (manifest.kind === 'packer') {
    const { openBuild } = await import('./packer-subject.ts');
    return openBuild(path, manifest.packer, context, options, openImage);
  }
  const [flag] = options.imageOnly ?? [];
  if (flag !== undefined) {
    const what =
      manifest.kind === 'report' ? 'a saved report' : `a manifest (${manifest.report.artifact.format})`;
    throw usage('NEEDS_IMAGE', `${flag} needs the image itself, and this is ${what}`, {
      where: [path],
      advice: 'name the image, or leave the flag out',
    });
  }
  return [{ ...manifest, inspection: null, advice: null, close: async () => {} }];
}

/** As `openSubjects`, for what is known to be an image. */
export async function openImage(
  path: string,
  context: RunContext,
  options: SubjectOptions,
): Promise<Subject> {
  const [{ inspect }, drivers, { createReport }, { analyzeBooks }, { advise, assertRules }] =
    await Promise.all([
      import('../inspect/inspect.ts'),
      options.drivers(),
      import('../analyzers/report.ts'),
      import('../analyzers/books.ts'),
      import('../analyzers/advise.ts'),
    ]);
  const { only = [], without = [], deep = false, rules, whatIf } = options;
  assertRules([...only, ...without]);
  const inspection = await inspect(path, context, {
    drivers,
    followOutside: options.followOutside === true,
    verify: options.verify === true,
    remote: options.remote,
  });
  try {
    await assertNoInput(
      options.outputs ?? [],
      inspection.disk.files.map((file) => file.path),
    );
    const measured = deep
      ? await (await import('../analyzers/stale.ts')).measureStale(inspection, context)
      : undefined;
    const books = await analyzeBooks(inspection, measured, (error) => context.log.addError(error));
    const advice = await advise(inspection, {
      books,
      only,
      without,
      deep,
      publish: options.publish === true,
      ...(rules === undefined ? {} : { rules }),
      ...(whatIf === undefined ? {} : { whatIf }),
    });
    const prediction = whatIf === undefined ? undefined : await predict(inspection, advice, context);
    const report = await createReport(inspection, {
      books,
      prediction,
      suggestions: advice.resolved.map(({ suggestion }) => suggestion),
      hygiene: advice.hygiene,
      version: options.version,
      top: options.top,
      diagnostics: context.log.list(),
      ...(measured === undefined ? {} : { measured }),
    });
    return { kind: 'image', report, inspection, advice, close: () => inspection.close() };
  } catch (error) {
    await inspection.close();
    throw error;
  }
}

/** What is left, in the format and with the compression that optimize would choose for qcow2. */
async function predict(
  inspection: Inspection,
  advice: Advice,
  context: RunContext,
): Promise<PredictionSection | undefined> {
  const [{ predictAfter }, { BUILT_IN_WRITERS }] = await Promise.all([
    import('../optimize/after-removal.ts'),
    import('../writers.ts'),
  ]);
  const { units } = BUILT_IN_WRITERS.find(({ format }) => format === 'qcow2')!;
  const taken = advice.resolved.flatMap((one) => one.taken);
  try {
    return await predictAfter(inspection, taken, units!({ compression: 'zstd', details: {} }), context);
  } catch (error) {
    if (!isArtifactError(error)) throw error;
    context
      .at(inspection.artifact.path)
      .report('warning', 'NO_PREDICTION', `its size afterwards cannot be told: ${error.message}`);
    return undefined;
  }
}

/** The input is never changed, `--force` or not. */
async function assertNoInput(outputs: readonly string[], inputs: readonly string[]): Promise<void> {
  for (const path of outputs) {
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) continue; // not there yet
    for (const input of inputs) {
      if ((await realpath(input).catch(() => input)) === real) {
        throw usage('OUTPUT_IS_INPUT', `--output ${path} is a file of the artifact itself`);
      }
    }
  }
}

/** True when the report says that not all of its artifact could be read: exit code 3, and no check passes. */
export function isIncomplete(report: Report): boolean {
  return report.diagnostics.some((one) => one.severity === 'error');
}
