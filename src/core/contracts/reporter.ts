import type { Inspection } from './inspection.ts';
import type { Report } from './report.ts';

export interface ReporterOptions {
  /** Cells of a line, for what people read. */
  readonly columns: number;
  readonly color: boolean;
  /** Longest list for people; 0 is all. */
  readonly top: number;
  /** What the report was made from; null for a saved report. */
  readonly inspection: Inspection | null;
}

/** Turns a report into text. */
export interface Reporter {
  /** The word after `--format`. */
  readonly name: string;
  readonly mediaType: string;
  /** Without its dot. */
  readonly extension: string;
  /**
   * The text, in pieces so that a million files do not become one string. The same report gives the same bytes.
   * @throws ImgoptError `usage` when it needs an inspection and there is none
   */
  render(report: Report, options: ReporterOptions): Iterable<string>;
}
