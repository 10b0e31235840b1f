/** What a check has to say, in the form that every CI output takes. Text is plain: each output escapes for itself. */
export interface Finding {
  /** Stable, of few characters: `budget/file-size`. */
  readonly rule: string;
  /** What the rule is about, in a sentence. */
  readonly description: string;
  /** SARIF's words, and a workflow command's but for `notice`. */
  readonly level: 'error' | 'warning' | 'note';
  /** One line. */
  readonly title: string;
  /** May have several lines. */
  readonly message: string;
  /** The file that is to be changed, as the user named it; relative to the working folder. */
  readonly file: string;
  /** From 1; null for a file that has no lines. */
  readonly line: number | null;
  readonly column: number | null;
  /** Same finding, same text, whatever else changes: what makes it one finding over many runs. */
  readonly identity: string;
}

/** Something that can go right. */
export interface TestCase {
  readonly name: string;
  readonly group: string;
  readonly outcome: 'passed' | 'failed' | 'error' | 'skipped';
  /** Why it did not pass, in a line. */
  readonly reason: string;
  /** All that there is to say. */
  readonly text: string;
}

/** `imgopt.yml:12:7` in its parts; undefined for a flag. */
export function placeOf(where: string): { file: string; line: number; column: number } | undefined {
  const match = /^(.+):(\d+):(\d+)$/.exec(where);
  return match === null ? undefined : { file: match[1]!, line: Number(match[2]), column: Number(match[3]) };
}
