/**
 * The images of a Packer build: each of its local files that is one. What else a builder leaves beside a disk
 * (firmware variables, .vmx, .ovf, logs) is named in the report and no failure; a disk that is damaged is.
 */
import { realpath } from 'node:fs/promises';
import { basename, relative } from 'node:path';
import { DiagnosticLog, type RunContext } from '../core/context.ts';
import { ImgoptError, locateSync, unreadable } from '../core/errors.ts';
import { formatSize } from '../core/size.ts';
import { escapeName } from '../core/text.ts';
import { type FoundFile, findFiles } from '../manifests/packer-files.ts';
import {
  describeBuild,
  type PackerBuild,
  type PackerManifest,
  selectBuild,
} from '../manifests/packer-manifest.ts';
import type { Subject, SubjectOptions } from './subject.ts';

export type OpenImage = (path: string, context: RunContext, options: SubjectOptions) => Promise<Subject>;

export interface BuildImage {
  /** As the manifest names it. */
  readonly file: FoundFile;
  readonly subject: Subject;
}

/** A file that says nothing of being an image: text, firmware variables, something empty. */
const NO_IMAGE = new Set(['IMGOPT_UNKNOWN_FORMAT', 'IMGOPT_EMPTY']);

/**
 * Opens every image of the build that is meant.
 * @returns at least one, in the manifest's order
 * @throws ImgoptError `unreadable` when no build or no file answers, and whatever opening an image throws
 */
export async function openBuild(
  manifestPath: string,
  manifest: PackerManifest,
  context: RunContext,
  options: SubjectOptions,
  openImage: OpenImage,
): Promise<readonly Subject[]> {
  const build = locateSync(manifestPath, () => selectBuild(manifest, options.build ?? {}));
  const files = await findFiles(build, {
    manifestPath,
    cwd: process.cwd(),
    artifactFolder: options.artifactFolder,
  });
  const images = await openImages(build, files, manifestPath, context, options, openImage);
  return images.map((one) => one.subject);
}

/**
 * Those of the files that are images, open. The caller closes them.
 * @param isPassedOver true for an image that is to count as none: what it consists of is looked at instead
 * @returns at least one, in the order of the files
 */
export async function openImages(
  build: PackerBuild,
  files: readonly FoundFile[],
  manifestPath: string,
  context: RunContext,
  options: SubjectOptions,
  openImage: OpenImage,
  isPassedOver: (subject: Subject, file: FoundFile) => boolean = () => false,
): Promise<readonly BuildImage[]> {
  const drivers = options.drivers();
  const opened = new Map<FoundFile, Subject>();
  const taken = new Set<string>();
  const others: FoundFile[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([...opened.values()].map((one) => one.close()));
  };
  try {
    // A descriptor is smaller than the extents that it names, so it comes first and takes them.
    for (const file of [...files].sort((a, b) => a.fileSize - b.fileSize)) {
      if (taken.has(await realpath(file.path))) continue;
      const path = shortest(file.path);
      const inner = context.logging(new DiagnosticLog());
      inner
        .at(manifestPath)
        .report('info', 'PACKER_BUILD', `build ${describeBuild(build)}, run ${build.runUuid}`);
      try {
        const subject = await openImage(path, inner, { ...options, drivers: () => drivers });
        if (isPassedOver(subject, file)) {
          await subject.close();
          others.push(file);
          continue;
        }
        opened.set(file, subject);
        for (const part of subject.inspection!.disk.files) taken.add(await realpath(part.path));
      } catch (error) {
        if (!(error instanceof ImgoptError) || !NO_IMAGE.has(error.code)) throw error;
        others.push(file);
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  if (opened.size === 0) {
    const names = others.map((file) => escapeName(file.name)).join(', ');
    throw unreadable(
      'PACKER_NO_IMAGE',
      `none of the files of build ${describeBuild(build)} is an image: ${names}`,
      {
        where: [manifestPath],
        advice: 'name the image itself',
      },
    );
  }
  return files.flatMap((file) => {
    const subject = opened.get(file);
    return subject === undefined ? [] : [{ file, subject: withNotes(subject, manifestPath, others) }];
  });
}

/** Beside each image: what else the build has. */
function withNotes(subject: Subject, where: string, others: readonly FoundFile[]): Subject {
  if (others.length === 0) return subject;
  const list = others.map((file) => `${basename(file.name)} (${formatSize(file.fileSize)})`).join(', ');
  const note = {
    code: 'IMGOPT_PACKER_OTHER_FILES',
    severity: 'info' as const,
    message: `no images: ${list}`,
    where,
  };
  return { ...subject, report: { ...subject.report, diagnostics: [...subject.report.diagnostics, note] } };
}

/** Relative to here where that does not lead out. */
export function shortest(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside !== '' && !inside.startsWith('..') ? inside : path;
}
