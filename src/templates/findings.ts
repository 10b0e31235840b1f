/** What a lint run looked at, and what it could not read there: said once each, and never the end of the run. */
import { ImgoptError } from '../core/errors.ts';
import { LintFiles, realPath, shownPath } from './files.ts';
import type { Problem } from './plan.ts';
import type { Place, SourceFile } from './text.ts';

/** A place where a file is broken, and how. */
export interface Broken {
  readonly place: Place;
  readonly message: string;
}

export class Findings {
  readonly files = new LintFiles();
  readonly problems: Problem[] = [];
  private readonly looked = new Map<string, SourceFile>();
  /** Read only so that others can be understood. */
  private readonly context = new Set<string>();

  /** Notes a problem; one that is known already only once. */
  problem(
    code: string,
    severity: Problem['severity'],
    message: string,
    place: Place | null,
    path: string,
  ): void {
    // A script that several builds call has one problem.
    const isKnown = this.problems.some(
      (one) => one.path === path && one.message === message && one.place?.start === place?.start,
    );
    if (!isKnown) this.problems.push({ code: `IMGOPT_${code}`, severity, message, place, path });
  }

  /** A file that cannot be read does not stop the others. */
  attempt(path: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ImgoptError) || error.family === 'usage') throw error;
      const message = error.advice === undefined ? error.message : `${error.message}; ${error.advice}`;
      this.problems.push({
        code: error.code,
        severity: 'error',
        message,
        place: null,
        path: shownPath(path),
      });
    }
  }

  /** Notes that a file was looked at. */
  look(file: SourceFile): void {
    this.looked.set(realPath(file.path), file);
  }

  /** Reports the first of what is wrong with a file, and how much more there is. */
  broken(list: readonly Broken[]): void {
    const [first] = list;
    if (first === undefined) return;
    const more = list.length === 1 ? '' : ` (and ${list.length - 1} more like it)`;
    this.problem('TEMPLATE_SYNTAX', 'error', `${first.message}${more}`, first.place, first.place.file.path);
  }

  /** The same for what is wrong with several files. */
  brokenFiles(list: readonly Broken[]): void {
    for (const one of Map.groupBy(list, ({ place }) => place.file).values()) this.broken(one);
  }

  /** This file's findings are not wanted: it was read for the sake of others. */
  onlyContext(file: SourceFile): void {
    this.context.add(file.path);
  }

  isWanted(file: SourceFile): boolean {
    return !this.context.has(file.path);
  }

  /** True when nothing was looked at and nothing failed. */
  get isEmpty(): boolean {
    return this.looked.size === 0 && this.problems.every((one) => one.severity !== 'error');
  }

  get wantedFiles(): SourceFile[] {
    return [...this.looked.values()].filter((file) => this.isWanted(file));
  }
}
