/**
 * Where the files of a Packer build are. The manifest names them as Packer saw them: relative to where it ran, or by
 * their last part only (`strip_path`). So a name is looked for where Packer may have run: here, beside the manifest
 * and above it, and in the folder that builders write to unless told otherwise (`output-NAME`).
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { system, unreadable } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';
import { describeBuild, type PackerBuild, type PackerFile } from './packer-manifest.ts';

export interface FoundFile extends PackerFile {
  /** A path that opens. */
  readonly path: string;
  readonly fileSize: number;
}

export interface Surroundings {
  readonly manifestPath: string;
  /** The working directory. */
  readonly cwd: string;
  /** Where to look first. */
  readonly artifactFolder?: string | undefined;
}

/** Folders in which a build's names may be relative. */
function foldersOf(build: PackerBuild, { manifestPath, cwd, artifactFolder }: Surroundings): string[] {
  const beside = dirname(resolve(cwd, manifestPath));
  const roots = [cwd, beside, dirname(beside)];
  return [
    ...(artifactFolder === undefined ? [] : [resolve(cwd, artifactFolder)]),
    ...roots,
    // A stripped name says nothing of the folder; build names of HCL2 are `label.source` in some versions.
    ...roots.flatMap((root) =>
      [build.name, build.name.split('.').at(-1)!].map((name) => join(root, `output-${name}`)),
    ),
  ];
}

/**
 * Every file of the build, in the manifest's order.
 * @throws ImgoptError `unreadable` when it has none, or one of them is nowhere to be found
 */
export async function findFiles(build: PackerBuild, surroundings: Surroundings): Promise<FoundFile[]> {
  if (build.files.length === 0) {
    const id = build.artifactId === '' ? 'something elsewhere' : escapeName(build.artifactId);
    throw unreadable('PACKER_NO_FILES', `build ${describeBuild(build)} made ${id} and no local file`, {
      where: [surroundings.manifestPath],
      advice: 'export the image to a file and name that',
    });
  }
  const folders = [...new Set(foldersOf(build, surroundings))];
  const found: FoundFile[] = [];
  for (const file of build.files) {
    const places = isAbsolute(file.name)
      ? [file.name, ...folders.map((folder) => join(folder, basename(file.name)))]
      : folders.map((folder) => join(folder, file.name));
    const place = await firstFile(places);
    if (place === undefined) {
      throw unreadable(
        'PACKER_FILE_GONE',
        `build ${describeBuild(build)} names '${escapeName(file.name)}', which is not there (${folders.slice(0, 3).map(escapeName).join(', ')})`,
        {
          where: [surroundings.manifestPath],
          advice: 'run it where packer ran, give --artifact-dir, or build again',
        },
      );
    }
    found.push({ ...file, ...place });
  }
  return found;
}

async function firstFile(places: readonly string[]): Promise<{ path: string; fileSize: number } | undefined> {
  for (const path of places) {
    try {
      const one = await stat(path);
      if (one.isFile()) return { path, fileSize: one.size };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw system(error, [path]);
    }
  }
  return undefined;
}
