/**
 * Limits that other people set: what hosts and file systems take. Each number is what their documentation says, with
 * the place where it says so. A limit that reads 'under N' becomes N - 1, since a limit here is the largest size
 * that passes.
 */
import type { Budget, Codec, Measure } from './budget.ts';

export interface Preset {
  readonly description: string;
  /** Where the number comes from. */
  readonly source: string;
  readonly measure: Measure;
  readonly codec?: Codec;
  readonly max: number;
}

const GiB = 1024 ** 3;
const GB = 1000 ** 3;

export const PRESETS = {
  'github-release': {
    description: 'an asset of a GitHub release: “each file included in a release must be under 2 GiB”',
    source: 'https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases',
    measure: 'file-size',
    max: 2 * GiB - 1,
  },
  'gitlab-package': {
    description:
      'a file in GitLab’s generic package registry: generic_packages_max_file_size, 5368709120 by default',
    source: 'https://docs.gitlab.com/api/plan_limits/',
    measure: 'file-size',
    max: 5 * GiB,
  },
  's3-put': {
    description: 'one PUT to Amazon S3: “you can upload a single object up to 5 GB in size”',
    source: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html',
    measure: 'file-size',
    max: 5 * GB,
  },
  digitalocean: {
    description: 'a custom image of DigitalOcean: “must be smaller than 100 GB after being decompressed”',
    source: 'https://docs.digitalocean.com/reference/pydo/reference/images/create_custom',
    measure: 'virtual-size',
    max: 100 * GB - 1,
  },
  linode: {
    description: 'an image upload to Linode, in gzip: “a maximum compressed file size of 5GB is supported”',
    source: 'https://techdocs.akamai.com/linode-api/reference/post-upload-image',
    measure: 'compressed',
    codec: 'gzip',
    max: 5 * GB,
  },
  fat32: {
    description: 'a file on a FAT file system: its size is a field of 32 bits (DIR_FileSize)',
    source:
      'https://download.microsoft.com/download/1/6/1/161ba512-40e2-4cc9-843a-923143f3456c/fatgen103.doc',
    measure: 'file-size',
    max: 4 * GiB - 1,
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

/** The budget of a preset. */
export function presetBudget(name: PresetName, where: string): Budget {
  const preset: Preset = PRESETS[name];
  return {
    name,
    measure: preset.measure,
    match: null,
    of: 'used',
    codec: preset.codec ?? 'zstd',
    max: preset.max,
    warn: null,
    growth: null,
    message: `The limit of ${preset.description} (${preset.source}).`,
    allowEmpty: false,
    where,
  };
}
