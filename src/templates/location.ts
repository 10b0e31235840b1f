/** A stretch of a file as documents tell it. */
import type { Place } from './text.ts';

/** Lines and columns from 1, columns in UTF-16 units; the end is exclusive. */
export interface LintLocation {
  readonly path: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export function locationOf({ file, start, end }: Place): LintLocation {
  const from = file.position(start);
  const to = file.position(end);
  return { path: file.path, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}
