/**
 * packer-manifest.json, which Packer's `manifest` post-processor writes (post-processor/manifest in its source).
 *
 * It grows: every run appends its builds, and only `-force` starts it again, so the first build is hardly ever the
 * one that is meant. Builds of one run may come from several sources at once, so name and type are asked for too.
 * Sizes in it are those at the time of writing, apparent ones, and 0 where they could not be told: nobody relies on
 * them. Names are as Packer saw them, relative to where it ran, or only the last part (`strip_path`).
 */
import { corrupt, type ImgoptError, unreadable } from '../core/errors.ts';
import { asObject, textOf } from '../core/json.ts';
import { MAX_PACKER_BUILDS } from '../core/limits.ts';
import { escapeName } from '../core/text.ts';

export interface PackerFile {
  readonly name: string;
  /** As Packer noted it; not to be relied on. */
  readonly size: number;
}

export interface PackerBuild {
  /** Position in the manifest. */
  readonly index: number;
  readonly name: string;
  readonly builderType: string;
  readonly artifactId: string;
  readonly runUuid: string;
  readonly files: readonly PackerFile[];
}

export interface PackerManifest {
  readonly builds: readonly PackerBuild[];
  readonly lastRunUuid: string;
}

/** Which build is meant; what is left out does not matter. */
export interface BuildChoice {
  readonly runUuid?: string;
  readonly name?: string;
  readonly builderType?: string;
}

export function isPackerManifest(document: unknown): boolean {
  const it = asObject(document);
  return Array.isArray(it?.builds) && typeof it.last_run_uuid === 'string';
}

/** @throws ImgoptError `corrupt` when a build is none */
export function parsePackerManifest(document: unknown): PackerManifest {
  const it = asObject(document)!;
  const list = it.builds as unknown[];
  if (list.length > MAX_PACKER_BUILDS)
    throw corrupt('PACKER_BUILDS', `more than ${MAX_PACKER_BUILDS} builds`);
  return {
    builds: list.map(parseBuild),
    lastRunUuid: it.last_run_uuid as string,
  };
}

function parseBuild(value: unknown, index: number): PackerBuild {
  const it = asObject(value);
  if (it === undefined) throw broken(index, 'is no object');
  const files = it.files ?? [];
  if (!Array.isArray(files)) throw broken(index, 'has no list of files');
  if (files.length > MAX_PACKER_BUILDS) throw broken(index, `has more than ${MAX_PACKER_BUILDS} files`);
  return {
    index,
    name: textOf(it.name) ?? '',
    builderType: textOf(it.builder_type) ?? '',
    artifactId: textOf(it.artifact_id) ?? '',
    runUuid: textOf(it.packer_run_uuid) ?? '',
    files: (files as unknown[]).map((one) => {
      const file = asObject(one);
      const name = textOf(file?.name);
      if (name === undefined || name === '' || name.includes('\0'))
        throw broken(index, 'names a file without a name');
      return { name, size: typeof file?.size === 'number' ? file.size : 0 };
    }),
  };
}

function broken(index: number, what: string): ImgoptError {
  return corrupt('PACKER_MANIFEST', `build ${index} of the manifest ${what}`, {
    advice: 'remove it and build again',
  });
}

/** `debian (qemu)`. */
export function describeBuild({ name, builderType }: PackerBuild): string {
  return `'${escapeName(name)}' (${escapeName(builderType)})`;
}

/**
 * The build that is meant: the last one of the run (the given one, or the manifest's last) that answers to name and
 * type.
 * @throws ImgoptError `unreadable` when there is none
 */
export function selectBuild(manifest: PackerManifest, choice: BuildChoice): PackerBuild {
  const { builds, lastRunUuid } = manifest;
  if (builds.length === 0) {
    throw unreadable('PACKER_NO_BUILD', 'the manifest holds no build', { advice: 'run packer build first' });
  }
  const ofRun = builds.filter((one) => one.runUuid === (choice.runUuid ?? lastRunUuid));
  if (choice.runUuid !== undefined && ofRun.length === 0) {
    throw unreadable(
      'PACKER_OTHER_RUN',
      `the manifest holds no build of this run (${escapeName(choice.runUuid)}), the last is ${escapeName(lastRunUuid)}`,
      { advice: 'put the manifest post-processor before shell-local in the same post-processors block' },
    );
  }
  const candidates = (ofRun.length > 0 ? ofRun : builds).filter(
    (one) =>
      (choice.name === undefined || one.name === choice.name) &&
      (choice.builderType === undefined || one.builderType === choice.builderType),
  );
  const found = candidates.at(-1);
  if (found !== undefined) return found;
  const there = [...new Set(ofRun.map(describeBuild))].join(', ');
  const wanted = [choice.name, choice.builderType].filter((one) => one !== undefined).map(escapeName);
  throw unreadable(
    'PACKER_NO_BUILD',
    `the manifest holds no build ${wanted.join(' of type ')} of this run, only ${there}`,
    {
      advice: 'name one of them with PACKER_BUILD_NAME and PACKER_BUILDER_TYPE',
    },
  );
}
