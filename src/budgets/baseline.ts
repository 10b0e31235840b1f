/**
 * The baseline that a project keeps in its repository: what its artifact weighed when somebody last agreed to it.
 *
 * It is made to be reviewed. One line per package, directory and file, sorted by name, so that a pull request shows
 * what became larger as the lines that changed; nothing in it depends on time or place. It is small: directories down
 * to the third level and files, both from 1 MiB on.
 */
import { z } from 'zod';
import type { Report } from '../core/contracts/report.ts';
import { usage } from '../core/errors.ts';
import { compareText, escapeName } from '../core/text.ts';
import { type SizedItem, type Snapshot, snapshotOf } from './snapshot.ts';

const SCHEMA = 'imgopt.baseline/1';
const FAMILY = 'imgopt.baseline/';

/** Smaller directories and files are not recorded. */
const LEAST_BYTES = 1024 * 1024;
/** Directories are recorded down to this level: /usr/lib/gcc. */
const MAX_LEVEL = 3;

const bytes = z.int().min(0);
const sizes = z.record(z.string(), bytes);

const baselineSchema = z
  .object({
    schema: z.literal(SCHEMA),
    artifact: z.string().describe('Name of the file.'),
    format: z.string().describe("qemu-img's name, or what the manifest is."),
    sizes: z
      .object({
        fileSize: bytes.nullable(),
        virtualSize: bytes.nullable(),
        allocated: bytes.nullable(),
        stale: bytes.nullable(),
        content: bytes.nullable().describe('Content of files in the guest.'),
        files: z.int().min(0).nullable().describe('Number of files.'),
        reclaimable: bytes.nullable(),
      })
      .describe('Of the whole artifact; null where nobody measured.'),
    budgets: z
      .record(z.string(), z.int().min(0))
      .describe('What budgets measured, by name: the base of their growth.'),
    filesystems: z.record(z.string(), bytes.nullable()).describe('Used bytes, by mount point or label.'),
    kinds: sizes.describe('Kinds of files; empty for a manifest.'),
    packageSizes: z
      .enum(['allocated', 'declared'])
      .describe("What the packages' sizes are: what their files occupy, or what the database declares."),
    packages: z.array(
      z.object({
        name: z.string(),
        version: z.string(),
        architecture: z.string().nullable(),
        manager: z.string(),
        size: bytes.nullable(),
      }),
    ),
    directories: sizes
      .nullable()
      .describe('Down to the third level and from 1 MiB on, cumulative; null when they were not all known.'),
    files: sizes.nullable().describe('From 1 MiB on; null when they were not all known.'),
  })
  .meta({ description: 'What an artifact weighed: written by imgopt check --update-baseline.' });

export type Baseline = z.output<typeof baselineSchema>;

/** The published JSON Schema (draft 2020-12). */
export function baselineJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(baselineSchema, { target: 'draft-2020-12' });
  return {
    $schema,
    $id: 'https://raw.githubusercontent.com/imgopt/imgopt/main/schemas/baseline-1.schema.json',
    title: SCHEMA,
    ...rest,
  };
}

/** @param measured what budgets measured, by name */
export function makeBaseline(report: Report, measured: ReadonlyMap<string, number>): Baseline {
  const snapshot = snapshotOf(report, '', 'report');
  const isAllocated = snapshot.packages.items.every((one) => one.allocated !== null);
  return {
    schema: SCHEMA,
    artifact: snapshot.artifact,
    format: snapshot.format,
    sizes: {
      fileSize: snapshot.fileSize,
      virtualSize: snapshot.virtualSize,
      allocated: snapshot.allocated,
      stale: snapshot.stale,
      content: snapshot.content,
      files: snapshot.files,
      reclaimable: snapshot.reclaimable,
    },
    budgets: sortedRecord([...measured]),
    filesystems: sortedRecord(snapshot.filesystems.items.map(({ name, size }) => [name, size])),
    kinds: sortedRecord(snapshot.kinds.items.map(({ name, size }) => [name, size ?? 0])),
    packageSizes: isAllocated ? 'allocated' : 'declared',
    packages: snapshot.packages.items
      .map(({ name, version, architecture, manager, allocated, declared }) => ({
        name,
        version,
        architecture,
        manager,
        size: isAllocated ? allocated : declared,
      }))
      .sort(
        (a, b) =>
          compareText(a.manager, b.manager) ||
          compareText(a.name, b.name) ||
          compareText(a.architecture ?? '', b.architecture ?? '') ||
          compareText(a.version, b.version),
      ),
    directories:
      snapshot.directories.floor > 0
        ? null
        : recorded(snapshot.directories.items.filter((one) => isShallow(one.name))),
    files: snapshot.fileList.floor > 0 ? null : recorded(snapshot.fileList.items),
  };
}

/** Text of the file: each entry of a list on its own line. */
export function formatBaseline(baseline: Baseline): string {
  const lines = Object.entries(baseline).map(([key, value]) => {
    const name = JSON.stringify(key);
    if (Array.isArray(value)) return `  ${name}: ${block('[', ']', value.map(row))}`;
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).map(
        ([inner, size]) => `${JSON.stringify(inner)}: ${JSON.stringify(size)}`,
      );
      return `  ${name}: ${block('{', '}', entries)}`;
    }
    return `  ${name}: ${JSON.stringify(value)}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

/** An object in one line, with the blanks that people put. */
function row(value: object): string {
  const fields = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${JSON.stringify(one)}`);
  return `{ ${fields.join(', ')} }`;
}

function block(open: string, close: string, entries: readonly string[]): string {
  if (entries.length === 0) return `${open}${close}`;
  return `${open}\n${entries.map((one) => `    ${one}`).join(',\n')}\n  ${close}`;
}

/** True for a baseline of any version. */
export function isBaseline(document: unknown): boolean {
  const schema = (document as { schema?: unknown } | null)?.schema;
  return typeof schema === 'string' && schema.startsWith(FAMILY);
}

/**
 * @param path as the user named it, for messages
 * @throws ImgoptError `usage` for another version of the schema, or what does not satisfy it
 */
export function readBaseline(document: unknown, path: string): Snapshot {
  const { schema } = document as { schema: string };
  if (schema !== SCHEMA) {
    throw usage(
      'BASELINE_VERSION',
      `is a baseline of schema ${escapeName(schema)}, and this imgopt reads ${SCHEMA}`,
      { where: [path], advice: 'update imgopt, or record it again with --update-baseline' },
    );
  }
  const { success, data, error } = baselineSchema.safeParse(document);
  if (!success) {
    const [issue] = error.issues;
    const place = issue === undefined || issue.path.length === 0 ? 'its top' : issue.path.join('.');
    throw usage(
      'BASELINE_INVALID',
      `is no whole baseline: ${escapeName(place)}: ${issue?.message ?? 'invalid'}`,
      {
        where: [path],
        advice: 'record it again with --update-baseline',
      },
    );
  }
  const isAllocated = data.packageSizes === 'allocated';
  return {
    path,
    kind: 'baseline',
    artifact: data.artifact,
    format: data.format,
    ...data.sizes,
    filesystems: { items: itemsOf(data.filesystems), floor: 0 },
    packages: {
      items: data.packages.map(({ size, ...one }) => ({
        ...one,
        size,
        allocated: isAllocated ? size : null,
        declared: isAllocated ? null : size,
      })),
      floor: 0,
    },
    kinds: { items: itemsOf(data.kinds), floor: data.sizes.allocated === null ? Infinity : 0 },
    directories: {
      items: itemsOf(data.directories ?? {}),
      floor: data.directories === null ? Infinity : LEAST_BYTES,
      covers: isShallow,
    },
    fileList: { items: itemsOf(data.files ?? {}), floor: data.files === null ? Infinity : LEAST_BYTES },
    suggestions: null,
    budgets: new Map(Object.entries(data.budgets)),
    isDamaged: false,
  };
}

const isShallow = (path: string): boolean => path.split('/').length <= MAX_LEVEL + 1;

function itemsOf(record: Record<string, number | null>): SizedItem[] {
  return Object.entries(record).map(([name, size]) => ({ name, size }));
}

function recorded(items: readonly SizedItem[]): Record<string, number> {
  return sortedRecord(
    items.filter((one) => (one.size ?? 0) >= LEAST_BYTES).map(({ name, size }) => [name, size!]),
  );
}

/** By name. Names come from inside of images: `__proto__` is one like any other. */
function sortedRecord<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => compareText(a, b)));
}
