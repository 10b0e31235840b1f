/** What a lint rule is: one file in rules/, one opinion about templates and what they call. */
import type { Project } from './plan.ts';
import type { Place } from './text.ts';

export type LintSeverity = 'info' | 'warning' | 'error';

/** Text in place of a stretch of a file. */
export interface Edit {
  readonly place: Place;
  readonly text: string;
}

export interface Found {
  readonly place: Place;
  /** What is wrong here: a clause that ends without a full stop. */
  readonly message: string;
  /** In place of the rule's. */
  readonly severity?: LintSeverity;
  /** What --fix does; only where it is sure to mean the same, or what the rule asks for. */
  readonly edits?: readonly Edit[];
}

export interface LintExample {
  /** `source`, `build`: lines inside of such a block of HCL2; the others are whole files. */
  readonly language: 'source' | 'build' | 'hcl' | 'shell' | 'cloud-init' | 'kickstart';
  readonly bad: string;
  readonly good: string;
}

export interface LintRule {
  /** Stable: it stands in configurations and comments. */
  readonly id: string;
  readonly title: string;
  readonly severity: LintSeverity;
  /** What it costs, or what goes wrong. */
  readonly why: string;
  /** What to write instead. */
  readonly fix: string;
  readonly example: LintExample;
  /** `--fix` can do it. */
  readonly isFixable?: true;
  check(project: Project): Iterable<Found>;
}
