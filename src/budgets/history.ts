/**
 * How the sizes of builds went: one line of JSON per build, appended by `check --history`, so that a file in a
 * cache or a branch is all that a trend needs.
 *
 * A line is written in one call, after a newline of its own when the file does not end in one: a build that was
 * killed while it wrote spoils its own line and no other. Such lines are skipped, and counted.
 */
import { z } from 'zod';
import { usage } from '../core/errors.ts';
import type { CheckResult } from './check.ts';
import type { Snapshot } from './snapshot.ts';

const SCHEMA = 'imgopt.history/1';

const size = z.int().min(0).nullable();

const entrySchema = z.object({
  schema: z.literal(SCHEMA),
  time: z.iso.datetime(),
  /** The commit that was built; null when nobody says. */
  commit: z.string().nullable(),
  artifact: z.string(),
  format: z.string(),
  verdict: z.enum(['pass', 'warn', 'fail']),
  sizes: z.object({
    fileSize: size,
    virtualSize: size,
    allocated: size,
    stale: size,
    content: size,
    files: size,
    packages: z.int().min(0),
  }),
  budgets: z.record(
    z.string(),
    z.object({ value: z.int().min(0), limit: z.int().min(0).nullable(), unit: z.enum(['bytes', 'count']) }),
  ),
});

export type HistoryEntry = z.output<typeof entrySchema>;

/** @param build when it was, in ISO 8601 and UTC, and of which commit */
export function historyEntry(
  result: CheckResult,
  snapshot: Snapshot,
  build: { readonly time: string; readonly commit: string | null },
): HistoryEntry {
  return {
    schema: SCHEMA,
    time: build.time,
    commit: build.commit,
    artifact: snapshot.artifact,
    format: snapshot.format,
    verdict: result.verdict === 'damaged' ? 'fail' : result.verdict,
    sizes: {
      fileSize: snapshot.fileSize,
      virtualSize: snapshot.virtualSize,
      allocated: snapshot.allocated,
      stale: snapshot.stale,
      content: snapshot.content,
      files: snapshot.files,
      packages: snapshot.packages.items.length,
    },
    budgets: Object.fromEntries(
      result.budgets.map(({ name, value, limit, unit }) => [name, { value, limit, unit }]),
    ),
  };
}

export interface History {
  readonly entries: readonly HistoryEntry[];
  /** Lines that are no entries. */
  readonly skipped: number;
}

/**
 * @param path as the user named it, for messages
 * @throws ImgoptError `usage` when no line of it is an entry
 */
export function readHistory(text: string, path: string): History {
  const entries: HistoryEntry[] = [];
  let skipped = 0;
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const entry = parseLine(line);
    if (entry === undefined) skipped++;
    else entries.push(entry);
  }
  if (entries.length === 0) {
    throw usage('NO_HISTORY', 'holds no line of imgopt check --history', {
      where: [path],
      advice: 'name the file that the builds append to',
    });
  }
  return { entries: entries.sort((a, b) => Date.parse(a.time) - Date.parse(b.time)), skipped };
}

function parseLine(line: string): HistoryEntry | undefined {
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch {
    return undefined; // cut off, or never ours: counted by the caller
  }
  return entrySchema.safeParse(document).data;
}

export interface Series {
  readonly name: string;
  readonly unit: 'bytes' | 'count';
  /** By entry; null where it was not measured. */
  readonly values: readonly (number | null)[];
  /** By entry; null without one. */
  readonly limits: readonly (number | null)[];
}

const SIZES: readonly (readonly [keyof HistoryEntry['sizes'], string, Series['unit']])[] = [
  ['fileSize', 'file size', 'bytes'],
  ['allocated', 'allocated', 'bytes'],
  ['virtualSize', 'virtual size', 'bytes'],
  ['stale', 'stale', 'bytes'],
  ['content', 'content of files', 'bytes'],
  ['files', 'files', 'count'],
  ['packages', 'packages', 'count'],
];

/** What can be drawn: the sizes, then the budgets, each as far as any build measured it. */
export function seriesOf(entries: readonly HistoryEntry[]): Series[] {
  const sizes = SIZES.map(
    ([key, name, unit]): Series => ({
      name,
      unit,
      values: entries.map((one) => one.sizes[key]),
      limits: entries.map(() => null),
    }),
  );
  const names = new Set(entries.flatMap((one) => Object.keys(one.budgets)));
  const budgets = [...names].map((name): Series => {
    const points = entries.map((one) => (Object.hasOwn(one.budgets, name) ? one.budgets[name] : undefined));
    return {
      name: `budget ${name}`,
      unit: points.find((one) => one !== undefined)!.unit,
      values: points.map((one) => one?.value ?? null),
      limits: points.map((one) => one?.limit ?? null),
    };
  });
  return [...sizes, ...budgets].filter((one) => one.values.some((value) => value !== null));
}

/** The document of `imgopt diff --history`. */
export interface HistoryResult {
  readonly schema: 'imgopt.trend/1';
  readonly builds: readonly Pick<HistoryEntry, 'time' | 'commit' | 'artifact' | 'format' | 'verdict'>[];
  readonly series: readonly Series[];
  /** Lines of the file that were no entries. */
  readonly skipped: number;
}

export function historyResult({ entries, skipped }: History): HistoryResult {
  return {
    schema: 'imgopt.trend/1',
    builds: entries.map(({ time, commit, artifact, format, verdict }) => ({
      time,
      commit,
      artifact,
      format,
      verdict,
    })),
    series: seriesOf(entries),
    skipped,
  };
}
