export type Severity = 'info' | 'warning' | 'error';

/** Something that the user must know about what was read; `error` means: not all of it, exit code 3. */
export interface Diagnostic {
  /** Stable, with the prefix IMGOPT_. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** The place, outermost first: `disk.qcow2 > gpt > 2 > ext4`. */
  readonly where: string;
}

/** Tells how far long work is. */
export interface Progress {
  /** Announces a piece of work of `total` bytes (or other units). */
  start(label: string, total: number): ProgressTask;
}

export interface ProgressTask {
  /** `note`: what else to show beside the amount: how much came out, say. */
  advance(amount: number, note?: string): void;
  done(): void;
}

/** What every driver gets beside its source: how to report, where it stands, when to stop. */
export interface Context {
  readonly signal: AbortSignal;
  /** Pieces of work worth having in flight at once; at least 1. */
  readonly threads: number;
  readonly progress: Progress;
  /** Places so far, outermost first. */
  readonly where: readonly string[];
  /** The same context one place further in. */
  at(place: string): this;
  /** Reports a diagnostic at this context's place; `code` without its prefix IMGOPT_. */
  report(severity: Severity, code: string, message: string): void;
}
