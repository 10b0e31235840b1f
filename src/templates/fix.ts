/**
 * What `--fix` changes: the edits of findings, file by file, each only once and none over another. An edit that lies
 * in another's way waits for the next run. Files that were not UTF-8 are left alone.
 */
import type { LintFinding } from './lint.ts';
import type { Edit } from './rule.ts';
import type { SourceFile } from './text.ts';

export interface FixedFile {
  readonly file: SourceFile;
  readonly text: string;
  readonly edits: readonly Edit[];
  /** How many findings that takes away. */
  readonly findings: number;
}

export function fixedFiles(
  findings: readonly LintFinding[],
  isFixable: (file: SourceFile) => boolean,
): FixedFile[] {
  const byFile = new Map<SourceFile, LintFinding[]>();
  for (const one of findings) {
    const file = one.edits[0]?.place.file;
    // All of a finding's edits, or none.
    if (file === undefined || !isFixable(file) || one.edits.some((edit) => edit.place.file !== file))
      continue;
    byFile.set(file, [...(byFile.get(file) ?? []), one]);
  }
  return [...byFile].map(([file, list]) => {
    const edits: Edit[] = [];
    let count = 0;
    for (const one of list) {
      if (one.edits.some((edit) => edits.some((other) => overlaps(edit, other)))) continue;
      edits.push(...one.edits);
      count++;
    }
    edits.sort((a, b) => a.place.start - b.place.start);
    return { file, edits, findings: count, text: apply(file.text, edits) };
  });
}

/** Two insertions at one place do not overlap: both happen, in the order of their findings. */
function overlaps(a: Edit, b: Edit): boolean {
  return a.place.start < b.place.end && b.place.start < a.place.end;
}

function apply(text: string, edits: readonly Edit[]): string {
  let made = '';
  let at = 0;
  for (const { place, text: replacement } of edits) {
    made += text.slice(at, place.start) + replacement;
    at = place.end;
  }
  return made + text.slice(at);
}

const CONTEXT_LINES = 3;

/** A unified diff (as `diff -u`, which patch and git apply take). */
export function unifiedDiff({ file, edits }: FixedFile): string {
  const lines = file.text.split('\n');
  const endsWithFeed = lines.at(-1) === '';
  if (endsWithFeed) lines.pop();
  /** Whole lines that are replaced: from `first` to `last`, by `lines`. */
  const changes: { first: number; last: number; lines: string[] }[] = [];
  for (const group of groupByLines(file, edits)) {
    const first = file.position(group[0]!.place.start).line;
    const last = Math.max(...group.map((edit) => file.position(edit.place.end).line));
    const start = file.offsetOfLine(first);
    const end = file.offsetOfLine(last) + file.line(last).length;
    const moved = group.map((edit) => ({
      ...edit,
      place: { ...edit.place, start: edit.place.start - start, end: edit.place.end - start },
    }));
    changes.push({ first, last, lines: apply(file.text.slice(start, end), moved).split('\n') });
  }
  const out = [`--- a/${file.path}`, `+++ b/${file.path}`];
  let shift = 0;
  for (let i = 0; i < changes.length; ) {
    let j = i;
    while (j + 1 < changes.length && changes[j + 1]!.first - changes[j]!.last <= 2 * CONTEXT_LINES) j++;
    const hunk = changes.slice(i, j + 1);
    const from = Math.max(1, hunk[0]!.first - CONTEXT_LINES);
    const to = Math.min(lines.length, hunk.at(-1)!.last + CONTEXT_LINES);
    const body: string[] = [];
    let at = from;
    let added = 0;
    for (const change of hunk) {
      for (; at < change.first; at++) body.push(` ${lines[at - 1]}`);
      for (; at <= change.last; at++)
        body.push(...mark('-', lines[at - 1]!, at === lines.length && !endsWithFeed));
      for (const [index, line] of change.lines.entries()) {
        const isLast = index === change.lines.length - 1 && change.last === lines.length && !endsWithFeed;
        body.push(...mark('+', line, isLast));
      }
      added += change.lines.length - (change.last - change.first + 1);
    }
    for (; at <= to; at++) body.push(...mark(' ', lines[at - 1]!, at === lines.length && !endsWithFeed));
    const count = to - from + 1;
    out.push(`@@ -${from},${count} +${from + shift},${count + added} @@`, ...body);
    shift += added;
    i = j + 1;
  }
  return `${out.join('\n')}\n`;
}

function mark(sign: string, line: string, hasNoFeed: boolean): string[] {
  return hasNoFeed ? [`${sign}${line}`, '\\ No newline at end of file'] : [`${sign}${line}`];
}

/** Edits that share lines. */
function groupByLines(file: SourceFile, edits: readonly Edit[]): Edit[][] {
  const groups: Edit[][] = [];
  let last = 0;
  for (const edit of edits) {
    const first = file.position(edit.place.start).line;
    if (groups.length > 0 && first <= last) groups.at(-1)!.push(edit);
    else groups.push([edit]);
    last = Math.max(last, file.position(edit.place.end).line);
  }
  return groups;
}
