/**
 * The report's schema for machines: validates saved reports, and is published as a JSON Schema
 * (schemas/report-1.schema.json, written by scripts/schemas.ts).
 *
 * The types in src/core/contracts/report.ts are what the code is written against, since types cost nothing at
 * start-up and zod does. That the two say the same is checked by the compiler at the end of this module. Objects
 * are open: fields may be added within `/1`, so an older imgopt reads a newer one's reports.
 */
import { z } from 'zod';
import type { JsonValue } from '../core/contracts/disk.ts';
import type { Report } from '../core/contracts/report.ts';

const bytes = z.int().min(0).describe('Bytes.');
const count = z.int().min(0);

const json: z.ZodType<JsonValue> = z.json() as z.ZodType<JsonValue>;

const evidence = z
  .enum(['measured', 'estimated', 'unknown'])
  .describe('measured: counted; estimated: bounded or shared out; unknown: not read.');

const book = z.object({ bytes: bytes.nullable(), evidence });

const artifact = z
  .object({
    path: z.string(),
    format: z.string().describe("qemu-img's name; what the manifest is when it stands for the artifact."),
    formatDetails: z.record(z.string(), json).describe('What the format says of itself; differs by format.'),
    fileSize: bytes.nullable().describe("Bytes of the artifact's own files; null from a manifest."),
    allocated: bytes.nullable().describe("Bytes that the host allocates for the artifact's own files."),
    virtualSize: bytes.nullable().describe('Bytes that the guest sees.'),
    backing: z
      .array(z.object({ path: z.string(), format: z.string(), fileSize: bytes, allocated: bytes }))
      .describe('Backing files, from the top down; their bytes are not counted as the artifact’s.'),
  })
  .describe("The artifact's own files.");

const ofDisk = count
  .optional()
  .describe('Position of its disk in artifact.formatDetails.disks; absent where there is one disk.');

const partition = z.object({
  disk: ofDisk,
  volume: z
    .string()
    .optional()
    .describe(
      'Unique name: p2; vg0/root for a logical volume, md/0 for an array; vg0/root/p1 for a partition of one of them, disk1/p2 where there are several disks.',
    ),
  index: z.int().describe('As the kernel numbers it: 1 for sda1. Tables inside of volumes begin at 1 again.'),
  scheme: z.string().describe('gpt, mbr, lvm2, md'),
  type: z.string().describe("GPT's type GUID, MBR's 0x83, LVM's segment type."),
  name: z.string().nullable(),
  start: bytes,
  size: bytes,
});

const subvolume = z.object({
  id: count.describe('As in subvolid=; 5 is the top level.'),
  path: z.string().describe('From the top level, as in subvol=; empty for the top level.'),
  mountPoint: z.string().nullable().describe('Where the guest mounts it by itself; null when nowhere.'),
  uuid: z.string().nullable(),
  isSnapshot: z.boolean(),
  parent: count
    .nullable()
    .describe('id of what it was a snapshot of; null when it is none, and when that is gone.'),
  isReadOnly: z.boolean(),
  isDefault: z.boolean().describe('It is mounted where no subvolume is asked for.'),
  referenced: bytes.describe('Bytes of file extents that it refers to, each once.'),
  exclusive: bytes.describe('Those that no other subvolume refers to: what its removal alone frees.'),
});

const filesystem = z.object({
  index: count.describe('Position in this list; files and directories refer to it.'),
  type: z.string().describe("blkid's name."),
  label: z.string().nullable(),
  uuid: z.string().nullable(),
  partition: z.int().nullable().describe("The partition's index; null directly on the disk."),
  volume: z
    .string()
    .nullable()
    .optional()
    .describe(
      "The partition's volume; disk1 directly on one of several disks, null directly on the only one.",
    ),
  disk: ofDisk,
  start: bytes,
  size: bytes,
  used: bytes.nullable().describe('Null where it was not read.'),
  unused: bytes.nullable().describe('Null where it was not read.'),
  stale: bytes
    .nullable()
    .describe(
      'What unused blocks still hold that is not zero; null where it was not measured (--deep does).',
    ),
  mountPoint: z.string().nullable(),
  files: count.nullable(),
  directories: count.nullable(),
  state: z.enum(['clean', 'needs-recovery', 'not-read']),
  subvolumes: z.array(subvolume).optional().describe('Of btrfs, the top level first.'),
  snapshotBytes: bytes
    .optional()
    .describe('What only snapshots of what the guest mounts refer to, all together.'),
});

const books = z
  .object({
    files: book.describe('Content of files.'),
    metadata: book.describe('Structures of filesystems, partition tables and the image format.'),
    stale: book.describe('Unused blocks of filesystems: deleted data that is shipped with the image.'),
    unread: book.describe('Volumes that imgopt does not read.'),
    other: book.describe('Gaps between volumes, boot loader, swap, internal snapshots, stored zeros.'),
  })
  .describe(
    'Bytes of the artifact by what they are for; their sum is artifact.allocated. Null from a manifest.',
  );

const os = z.object({
  id: z.string().describe("os-release's ID."),
  versionId: z.string().nullable(),
  prettyName: z.string().nullable(),
  architecture: z.string().nullable().describe('As uname -m says.'),
});

const totals = z
  .object({
    files: count.nullable().describe('Neither directory nor symbolic link; hard links once.'),
    directories: count.nullable(),
    symlinks: count.nullable(),
    size: bytes.nullable().describe('Apparent size of everything but directories.'),
    allocated: bytes.nullable().describe('packaged + unpackaged'),
    packaged: bytes.nullable(),
    unpackaged: bytes.nullable(),
    reclaimable: bytes.nullable().describe('Sum of all suggestions.'),
  })
  .describe('Over all filesystems that were read; null from a manifest.');

const packageEntry = z.object({
  manager: z.string(),
  name: z.string(),
  version: z.string().describe('Empty where a list names none.'),
  architecture: z.string().nullable(),
  installedSize: bytes.nullable().describe('As the package database declares it.'),
  allocated: bytes.nullable().describe("Measured over the package's own files; directories not counted."),
  files: count.nullable().describe('Entries that it owns; directories not counted.'),
  automatic: z.boolean().nullable().describe('Installed only because something needs it.'),
  requiredBy: z.array(z.string()).describe('Installed packages that require it or what it provides.'),
  state: z.string().nullable().describe("The manager's word when it is not simply installed."),
});

const file = z.object({
  path: z.string(),
  filesystem: count,
  size: bytes,
  allocated: bytes,
  links: count,
  package: z.string().nullable(),
});

const directory = z.object({
  path: z.string(),
  filesystem: count,
  size: bytes,
  allocated: bytes.describe('Cumulative, as du -x counts.'),
  files: count,
  exclusive: bytes.describe('allocated without the directories below it that this list holds too.'),
  unpackaged: bytes.describe('Of allocated: files that no package owns.'),
});

const kind = z.object({ kind: z.string(), files: count, size: bytes, allocated: bytes });

const suggestion = z.object({
  rule: z.string(),
  title: z.string(),
  safety: z.enum(['safe', 'review', 'risky']),
  reclaimable: bytes,
  paths: z.array(z.string()),
  packages: z.array(z.string()),
  commands: z.array(z.string()),
  reason: z.string(),
  family: z.string().default(''),
  needsUnusedDropped: z
    .boolean()
    .default(true)
    .describe('The artifact only becomes smaller once unused blocks are dropped.'),
  shell: z.literal('powershell').optional().describe('What commands are written in; sh when absent.'),
});

const hygiene = z.object({
  rule: z.string(),
  title: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  paths: z.array(z.string()),
  commands: z.array(z.string()),
  reason: z.string(),
});

const predictedSize = z.object({ uncompressed: bytes, compressed: bytes });

const prediction = z
  .object({ before: predictedSize, after: predictedSize, error: bytes, sampled: count })
  .describe(
    'Size of an optimized qcow2 image, uncompressed by its map and compressed by samples; --what-if.',
  );

const diagnostic = z.object({
  code: z.string().regex(/^IMGOPT_[A-Z0-9_]+$/),
  severity: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  where: z.string(),
});

export const reportSchema = z
  .object({
    schema: z.literal('imgopt.report/1'),
    generator: z.object({ name: z.string(), version: z.string() }),
    artifact,
    partitions: z.array(partition),
    filesystems: z.array(filesystem),
    books,
    os: os.nullable(),
    totals,
    packages: z.array(packageEntry),
    kinds: z.array(kind).describe('What files are for, by place, name and mode.'),
    files: z.array(file).describe('The largest files; --top.'),
    directories: z.array(directory).describe('Directories that hold most beyond each other; --top.'),
    suggestions: z.array(suggestion).describe('What could be removed; no byte is counted twice.'),
    hygiene: z.array(hygiene).default([]).describe('What should not be published; --profile publish.'),
    prediction: prediction.optional(),
    diagnostics: z.array(diagnostic),
  })
  .describe(
    'imgopt report: sizes are bytes, lists are sorted by allocated, largest first, ties by name; what was not measured is null.',
  );

/** What `analyze --json` prints for a Packer build of several images (src/reporters/build-report.ts). */
export const buildReportSchema = z
  .object({
    schema: z.literal('imgopt.reports/1'),
    generator: reportSchema.shape.generator,
    reports: z.array(reportSchema).min(1).describe('One for each image, in the order of the manifest.'),
  })
  .describe('imgopt reports of a build of several images.');

/** The published JSON Schemas (draft 2020-12). */
export function reportJsonSchema(): Record<string, unknown> {
  return published(reportSchema, 'report');
}

export function buildReportJsonSchema(): Record<string, unknown> {
  return published(buildReportSchema, 'reports');
}

function published(schema: z.ZodType, name: string): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    $id: `https://raw.githubusercontent.com/imgopt/imgopt/main/schemas/${name}-1.schema.json`,
    title: `imgopt.${name}/1`,
    ...rest,
  };
}

// Compile-time equality of schema and contract, modulo `readonly`.
type Writable<T> = T extends JsonValue[] | readonly JsonValue[]
  ? T extends readonly (infer Item)[]
    ? Writable<Item>[]
    : never
  : T extends object
    ? { -readonly [Key in keyof T]: Writable<T[Key]> }
    : T;
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : { contract: A; schema: B };
type Comparable<T extends { artifact: { formatDetails: unknown } }> = Writable<
  Omit<T, 'artifact'> & { artifact: Omit<T['artifact'], 'formatDetails'> }
>;
const schemaIsTheContract: Same<Comparable<Report>, Comparable<z.infer<typeof reportSchema>>> = true;
void schemaIsTheContract;
