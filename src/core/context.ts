/**
 * The context that every layer is handed: where it stands, how it reports, when to stop. Lower layers never
 * log, print or exit; what they have to say ends up in the one `DiagnosticLog` of a run.
 */
import type { Context, Diagnostic, Progress, Severity } from './contracts/context.ts';
import type { ImgoptError } from './errors.ts';
import { MAX_DIAGNOSTICS_PER_CODE } from './limits.ts';
import { compareText } from './text.ts';

/** Collects diagnostics; floods of one code are cut, and counted. */
export class DiagnosticLog {
  private readonly kept: Diagnostic[] = [];
  private readonly perCode = new Map<string, number>();

  /** What was said before in the same words is not said again: work that is repeated repeats its complaints. */
  add(diagnostic: Diagnostic): void {
    const { code, message, where } = diagnostic;
    const before = this.perCode.get(code) ?? 0;
    const isKept = (one: Diagnostic) => one.code === code && one.where === where && one.message === message;
    // Beyond the cut nobody can tell any more, and a flood must not cost a search each.
    if (before < MAX_DIAGNOSTICS_PER_CODE && this.kept.some(isKept)) return;
    const seen = before + 1;
    this.perCode.set(diagnostic.code, seen);
    if (seen <= MAX_DIAGNOSTICS_PER_CODE) this.kept.push(diagnostic);
  }

  /** Turns an error into a diagnostic of severity `error`: what it hit was not read. */
  addError(error: ImgoptError, where: readonly string[] = []): void {
    const message = error.advice === undefined ? error.message : `${error.message}; ${error.advice}`;
    this.add({ code: error.code, severity: 'error', message, where: [...where, ...error.where].join(' > ') });
  }

  /** Takes over what another log holds; what that one cut is counted on. */
  addAll(other: DiagnosticLog): void {
    for (const diagnostic of other.kept) this.add(diagnostic);
    for (const [code, count] of other.perCode) {
      const cut = count - MAX_DIAGNOSTICS_PER_CODE;
      if (cut > 0) this.perCode.set(code, (this.perCode.get(code) ?? 0) + cut);
    }
  }

  /** Sorted by place, then code, so that parallel work gives the same bytes; with a line per cut flood. */
  list(): Diagnostic[] {
    const cut = [...this.perCode]
      .filter(([, count]) => count > MAX_DIAGNOSTICS_PER_CODE)
      .map(([code, count]): Diagnostic => {
        const first = this.kept.find((diagnostic) => diagnostic.code === code)!;
        return {
          ...first,
          where: '',
          message: `${count - MAX_DIAGNOSTICS_PER_CODE} more of this kind are not listed`,
        };
      });
    return [...this.kept, ...cut].sort(
      (a, b) =>
        compareText(a.where, b.where) || compareText(a.code, b.code) || compareText(a.message, b.message),
    );
  }
}

/** For work that nobody watches. */
export const SILENT_PROGRESS: Progress = {
  start: () => ({ advance() {}, done() {} }),
};

export interface ContextOptions {
  log: DiagnosticLog;
  signal?: AbortSignal;
  threads?: number;
  progress?: Progress;
  where?: readonly string[];
}

/** The plain context; image formats get one extended by ways to open further files (see src/inspect). */
export class RunContext implements Context {
  readonly log: DiagnosticLog;
  readonly signal: AbortSignal;
  readonly threads: number;
  readonly progress: Progress;
  readonly where: readonly string[];

  constructor(options: ContextOptions) {
    this.log = options.log;
    this.signal = options.signal ?? new AbortController().signal;
    this.threads = Math.max(1, options.threads ?? 1);
    this.progress = options.progress ?? SILENT_PROGRESS;
    this.where = options.where ?? [];
  }

  at(place: string): this {
    const inner = Object.create(this) as { -readonly [K in keyof this]: this[K] };
    inner.where = [...this.where, place];
    return inner as this;
  }

  /** The same place, with another log: for work whose words may come to nothing. */
  logging(log: DiagnosticLog): this {
    const inner = Object.create(this) as { -readonly [K in keyof this]: this[K] };
    inner.log = log;
    return inner as this;
  }

  report(severity: Severity, code: string, message: string): void {
    this.log.add({ code: `IMGOPT_${code}`, severity, message, where: this.where.join(' > ') });
  }
}
