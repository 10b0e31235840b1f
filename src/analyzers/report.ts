/** Assembles the report from its sections, one analyzer each; all are pure functions of the inspection. */
import { DiagnosticLog } from '../core/context.ts';
import type { Diagnostic } from '../core/contracts/context.ts';
import type { Inspection } from '../core/contracts/inspection.ts';
import type {
  HygieneSection,
  MeasuredBooks,
  MeasuredReport,
  PredictionSection,
  Suggestion,
} from '../core/contracts/report.ts';
import { analyzeArtifact } from './artifact.ts';
import { analyzeBooks } from './books.ts';
import { analyzeDiagnostics } from './diagnostics.ts';
import { analyzeDirectories } from './directories.ts';
import { analyzeFiles } from './files.ts';
import { analyzeFilesystems } from './filesystems.ts';
import { analyzeKinds } from './kinds.ts';
import { analyzeOs } from './os.ts';
import { analyzePackages } from './packages.ts';
import { analyzePartitions } from './partitions.ts';
import type { StaleMeasurement } from './stale.ts';
import { analyzeTotals } from './totals.ts';

export interface ReportOptions {
  /** Of imgopt. */
  readonly version: string;
  /** Length of `files` and `directories`; 0 is all. */
  readonly top: number;
  /** What reading the unused blocks found (`measureStale`). */
  readonly measured?: StaleMeasurement;
  /** In place of the inspection's own, when later work had something to say too. */
  readonly diagnostics?: readonly Diagnostic[];
  readonly suggestions?: readonly Suggestion[];
  /** When they were worked out already. */
  readonly books?: MeasuredBooks;
  readonly hygiene?: readonly HygieneSection[];
  readonly prediction?: PredictionSection | undefined;
}

/** The report of an inspection. The same artifact and options give the same report. */
export async function createReport(inspection: Inspection, options: ReportOptions): Promise<MeasuredReport> {
  const { measured, suggestions = [], top } = options;
  const late = new DiagnosticLog();
  return {
    schema: 'imgopt.report/1',
    generator: { name: 'imgopt', version: options.version },
    artifact: analyzeArtifact(inspection),
    partitions: analyzePartitions(inspection),
    filesystems: analyzeFilesystems(inspection, measured),
    books: options.books ?? (await analyzeBooks(inspection, measured, (error) => late.addError(error))),
    os: analyzeOs(inspection),
    totals: analyzeTotals(inspection, suggestions),
    packages: analyzePackages(inspection),
    kinds: analyzeKinds(inspection),
    files: analyzeFiles(inspection, top),
    directories: analyzeDirectories(inspection, top),
    suggestions,
    hygiene: options.hygiene ?? [],
    ...(options.prediction === undefined ? {} : { prediction: options.prediction }),
    diagnostics: analyzeDiagnostics([...(options.diagnostics ?? inspection.diagnostics), ...late.list()]),
  };
}
