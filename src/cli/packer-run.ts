/**
 * `imgopt packer post-process`, from the manifest to the manifest: the build is chosen, its images are opened, the
 * steps run over each (src/packer/process.ts), and what the files are called and how large they are is written back.
 * Neither prints nor sets an exit code.
 */
import { basename, posix, resolve } from 'node:path';
import type { LoadedConfig } from '../config/config.ts';
import type { RunContext } from '../core/context.ts';
import type { Registry } from '../core/contracts/registry.ts';
import { EXIT, locateSync, unreadable } from '../core/errors.ts';
import { type FoundFile, findFiles } from '../manifests/packer-files.ts';
import {
  type BuildChoice,
  describeBuild,
  type PackerBuild,
  type PackerManifest,
  selectBuild,
} from '../manifests/packer-manifest.ts';
import { readManifest } from '../manifests/read.ts';
import { type FileChange, readingManifest, updateManifest } from '../packer/manifest-file.ts';
import { isResultOf } from '../packer/names.ts';
import { defaultSteps, type PackerOptions } from '../packer/options.ts';
import { assertChangeable, updateOvf } from '../packer/ovf.ts';
import {
  type CheckOutcome,
  clearResults,
  type ImageResult,
  type PackerImage,
  processImage,
} from '../packer/process.ts';
import { openImages, shortest } from './packer-subject.ts';
import { isIncomplete, openImage, type Subject, type SubjectOptions } from './subject.ts';

export interface PostProcessRequest {
  /** Images in place of a manifest's. */
  readonly paths: readonly string[];
  readonly manifest: string;
  readonly artifactFolder: string | undefined;
  readonly build: BuildChoice;
  readonly options: PackerOptions;
  readonly config: LoadedConfig;
  readonly version: string;
  readonly registry: () => Promise<Registry>;
  readonly context: () => RunContext;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface PostProcessResult {
  readonly schema: 'imgopt.packer/1';
  readonly build: { readonly name: string; readonly builderType: string; readonly runUuid: string } | null;
  readonly images: readonly ImageResult[];
}

interface Build {
  readonly build: PackerBuild;
  readonly files: readonly FoundFile[];
}

/** @throws ImgoptError of every family */
export async function postProcess(request: PostProcessRequest): Promise<PostProcessResult> {
  const { options, say, config } = request;
  const registry = await request.registry();
  const subjectOptions: SubjectOptions = {
    drivers: async () => registry,
    version: request.version,
    top: REPORT_TOP,
    rules: { ...(config.config.rules ?? {}), platform: null },
  };
  const found = request.paths.length > 0 ? null : await findBuild(request);
  if (found !== null) say(`build ${describeBuild(found.build)}`);
  const steps = options.steps ?? defaultSteps(config.config.budgets !== undefined);
  const inputs = found === null ? request.paths : found.files.map((file) => file.path);
  for (const path of inputs) await clearResults(path, steps, options);
  const descriptors: FoundFile[] = [];
  const images =
    found === null
      ? await openPaths(request, subjectOptions)
      : await openManifest(found, descriptors, request, subjectOptions);
  if (!options.keepInput) {
    for (const { path } of descriptors) await assertChangeable(path, steps, options.optimize.format);
  }
  const results: ImageResult[] = [];
  for (const { image } of images) {
    results.push(
      await processImage(image, steps, options, {
        drivers: registry,
        writers: registry.writers,
        check: (path) => check(path, found?.build ?? request.build, request, registry),
        context: request.context,
        say,
      }),
    );
  }
  if (found !== null) {
    const replaced = images.flatMap(({ image }, index) =>
      results[index]!.replaced ? [{ from: basename(image.path), path: results[index]!.output }] : [],
    );
    for (const { path } of replaced.length > 0 ? descriptors : []) await updateOvf(path, replaced);
    await updateManifest(
      request.manifest,
      found.build,
      images.flatMap(({ file }, index) => changesOf(file!, found.files, results[index]!)),
      new Map(found.files.map((file) => [file.name, file.path])),
      request.signal,
    );
    say(`manifest: ${request.manifest} names ${results.map((one) => one.output).join(', ')}`);
  }
  return {
    schema: 'imgopt.packer/1',
    build:
      found === null
        ? null
        : { name: found.build.name, builderType: found.build.builderType, runUuid: found.build.runUuid },
    images: results,
  };
}

/** Width of lines that Packer puts the build's name before. */
const LINE_COLUMNS = 100;

/** Length of a saved report's lists: as `analyze` has it. */
const REPORT_TOP = 20;

async function findBuild(request: PostProcessRequest): Promise<Build> {
  const { manifest: path, signal } = request;
  const manifest = await readingManifest(path, signal, () => readManifest(path, request.version));
  if (manifest?.kind !== 'packer') {
    throw unreadable('NO_PACKER_MANIFEST', "is nothing that Packer's manifest post-processor wrote", {
      where: [path],
      advice: 'name its output with --manifest, or the images themselves',
    });
  }
  const build = locateSync(path, () => selectBuild(manifest.packer as PackerManifest, request.build));
  const named = (file: { readonly name: string }): string => resolve(file.name);
  // When it runs a second time, the manifest names our own results too, and they may be gone.
  const made = build.files.filter(
    (file) => !build.files.some((other) => isResultOf(named(file), named(other))),
  );
  const files = await findFiles(
    { ...build, files: made },
    { manifestPath: path, cwd: process.cwd(), artifactFolder: request.artifactFolder },
  );
  return { build, files };
}

interface Opened {
  readonly file: FoundFile | null;
  readonly image: PackerImage;
}

/** @param descriptors receives the OVF files: their disks are worked on, and they follow */
async function openManifest(
  { build, files }: Build,
  descriptors: FoundFile[],
  { manifest, context }: PostProcessRequest,
  options: SubjectOptions,
): Promise<Opened[]> {
  const isDescriptor = (subject: Subject, file: FoundFile): boolean => {
    if (subject.report.artifact.format !== 'ovf') return false;
    descriptors.push(file);
    return true;
  };
  const opened = await openImages(build, files, manifest, context(), options, openImage, isDescriptor);
  return Promise.all(
    opened.map(async ({ file, subject }) => ({ file, image: await settled(file.path, subject) })),
  );
}

async function openPaths({ paths, context }: PostProcessRequest, options: SubjectOptions): Promise<Opened[]> {
  const images: Opened[] = [];
  for (const path of paths) {
    images.push({ file: null, image: await settled(path, await openImage(path, context(), options)) });
  }
  return images;
}

/**
 * What the steps need of an image that was opened, closed again.
 * @throws ImgoptError `unreadable` when not all of it could be read: nothing is done with a damaged image
 */
async function settled(path: string, subject: Subject): Promise<PackerImage> {
  const { report, inspection } = subject;
  const files = inspection!.disk.files
    .filter((one) => one.role !== 'backing')
    .map((one) => shortest(resolve(one.path)));
  await subject.close();
  if (isIncomplete(report)) {
    const first = report.diagnostics.find((one) => one.severity === 'error')!;
    throw unreadable('PACKER_DAMAGED', `not all of it could be read: ${first.where}: ${first.message}`, {
      where: [path],
      advice: 'build it again',
    });
  }
  return { path: shortest(resolve(path)), files, report };
}

/** As `imgopt check` does it, with the project's budgets. */
async function check(
  path: string,
  build: BuildChoice,
  request: PostProcessRequest,
  registry: Registry,
): Promise<CheckOutcome> {
  const [{ checkArtifact }, { exitCodeOf }, { renderCheck }] = await Promise.all([
    import('./checking.ts'),
    import('../budgets/run.ts'),
    import('../reporters/check/table.ts'),
  ]);
  const result = await checkArtifact(path, {
    config: request.config,
    build,
    limits: {},
    baseline: undefined,
    updateBaseline: false,
    history: undefined,
    outputs: [],
    followOutside: false,
    drivers: async () => registry,
    version: request.version,
    newContext: request.context,
  });
  const text = [...renderCheck(result, { columns: LINE_COLUMNS, color: false })].join('');
  return {
    passed: exitCodeOf(result) === EXIT.done,
    lines: text.split('\n').filter((line) => line.trim() !== ''),
  };
}

/** What became of the build's files, in the manifest's own words. */
function changesOf(file: FoundFile, files: readonly FoundFile[], result: ImageResult): FileChange[] {
  const renamed = (path: string): string => {
    const folder = posix.dirname(file.name);
    // A name with folders keeps them: results lie beside the image.
    return folder === '.' && !file.name.startsWith('./')
      ? basename(path)
      : posix.join(folder, basename(path));
  };
  const changes: FileChange[] = [];
  const removed = new Set(result.removed.map((one) => resolve(one)));
  const isGone = (path: string): boolean => removed.has(resolve(path));
  if (resolve(result.output) === resolve(file.path)) {
    changes.push({ from: file.name, to: file.name, path: file.path });
  } else if (isGone(file.path)) {
    changes.push({ from: file.name, to: renamed(result.output), path: result.output });
  } else {
    changes.push({ from: null, to: renamed(result.output), path: result.output });
  }
  for (const other of files) {
    if (other !== file && isGone(other.path)) changes.push({ from: other.name, to: null, path: other.path });
  }
  return changes;
}
