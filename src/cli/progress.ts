/**
 * Progress on standard error. On a terminal: one line, rewritten, once the work has lasted half a second. Under
 * CI (or in Packer's UI, which also sets no terminal) with `CI` set: a plain line every few seconds. Otherwise
 * nothing: a log file gains nothing from it.
 */
import type { Progress, ProgressTask } from '../core/contracts/context.ts';
import { formatSize } from '../core/size.ts';

const SHOW_AFTER_MS = 500;
const REDRAW_MS = 100;
const PLAIN_EVERY_MS = 5000;
const BAR_CELLS = 24;

export type ProgressMode = 'bar' | 'plain' | 'none';

export interface ProgressOutput {
  write(text: string): void;
  readonly columns: number;
}

/** The mode for this process: flags first, then the terminal, then CI. */
export function progressMode(wanted: boolean): ProgressMode {
  if (!wanted) return 'none';
  if (process.stderr.isTTY === true && process.env.TERM !== 'dumb') return 'bar';
  return process.env.CI === undefined || process.env.CI === '' ? 'none' : 'plain';
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.ceil(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** One state of a task as text: `label 1.2 GiB of 6.0 GiB, 410 MiB/s, 12 s left`. */
export function describeProgress(
  label: string,
  done: number,
  total: number,
  elapsedMs: number,
  note?: string,
): string {
  const rate = elapsedMs > 0 ? (done / elapsedMs) * 1000 : 0;
  const parts = [total > 0 ? `${formatSize(done)} of ${formatSize(total)}` : formatSize(done)];
  if (note !== undefined) parts.push(note);
  if (rate > 0) parts.push(`${formatSize(Math.round(rate))}/s`);
  if (rate > 0 && total > done) parts.push(`${duration((total - done) / rate)} left`);
  return `${label} ${parts.join(', ')}`;
}

class ProgressLine implements ProgressTask {
  private done_ = 0;
  private readonly started: number;
  private lastShown: number;
  private shown = false;
  private readonly label: string;
  private readonly total: number;
  private readonly mode: ProgressMode;
  private readonly output: ProgressOutput;
  private readonly now: () => number;

  constructor(label: string, total: number, mode: ProgressMode, output: ProgressOutput, now: () => number) {
    this.label = label;
    this.total = total;
    this.mode = mode;
    this.output = output;
    this.now = now;
    this.started = now();
    this.lastShown = this.started + (mode === 'bar' ? SHOW_AFTER_MS - REDRAW_MS : 0);
  }

  advance(amount: number, note?: string): void {
    this.done_ += amount;
    const at = this.now();
    if (at - this.lastShown < (this.mode === 'bar' ? REDRAW_MS : PLAIN_EVERY_MS)) return;
    this.lastShown = at;
    const text = describeProgress(this.label, this.done_, this.total, at - this.started, note);
    if (this.mode === 'plain') {
      this.output.write(`${text}\n`);
      return;
    }
    const filled =
      this.total > 0 ? Math.min(BAR_CELLS, Math.floor((this.done_ / this.total) * BAR_CELLS)) : 0;
    const bar = this.total > 0 ? `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ` : '';
    this.output.write(`\r\u001b[K${`${bar}${text}`.slice(0, Math.max(20, this.output.columns - 1))}`);
    this.shown = true;
  }

  done(): void {
    if (this.shown) this.output.write('\r\u001b[K');
    this.shown = false;
  }
}

/** Progress in the given mode; `output` and `now` are for tests. */
export function createProgress(
  mode: ProgressMode,
  output: ProgressOutput = {
    write: (text) => void process.stderr.write(text),
    get columns() {
      return process.stderr.columns ?? 80;
    },
  },
  now: () => number = () => performance.now(),
): Progress {
  if (mode === 'none') return { start: () => ({ advance() {}, done() {} }) };
  return { start: (label, total) => new ProgressLine(label, total, mode, output, now) };
}
