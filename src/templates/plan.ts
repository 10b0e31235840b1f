/** What a lint run knows when all is read: each build from its installer to its post-processors, and what it calls. */
import type { Playbook } from './ansible.ts';
import type { Build, Provisioner, Template } from './model.ts';
import type { Operation } from './operations.ts';
import type { Seed } from './seeds.ts';
import type { ShellScript } from './shell/script.ts';
import type { Place, SourceFile } from './text.ts';

export type ScriptOrigin = 'file' | 'inline' | 'seed' | 'task';

export interface ScriptUnit {
  readonly script: ShellScript;
  readonly origin: ScriptOrigin;
  /** Of the file that it stands in. */
  readonly path: string;
  /** It runs on the machine that builds (`shell-local`), not in the image. */
  readonly isLocal: boolean;
  /** Somebody calls it in a way that does not end at its first error. */
  goesOnAfterErrors: boolean;
}

/** One provisioner with what it runs. */
export interface Step {
  readonly provisioner: Provisioner;
  readonly scripts: readonly ScriptUnit[];
  readonly playbooks: readonly Playbook[];
  /** All that it does is known. */
  readonly isComplete: boolean;
}

/** One thing that happens in a build, and when. */
export interface Event {
  readonly operation: Operation;
  /** Position of its step; -1 for what the installer does. */
  readonly step: number;
}

/** A build from its installer to its post-processors. */
export interface Plan {
  readonly template: Template;
  readonly build: Build;
  readonly seeds: readonly Seed[];
  readonly steps: readonly Step[];
  /** In order. */
  readonly events: readonly Event[];
  /** Nothing of what it does is unknown: only then may a rule say that something is missing. */
  readonly isComplete: boolean;
  readonly isWindows: boolean;
}

export interface Problem {
  readonly code: string;
  readonly severity: 'info' | 'warning' | 'error';
  readonly message: string;
  readonly place: Place | null;
  readonly path: string;
}

export interface Project {
  readonly templates: readonly Template[];
  readonly plans: readonly Plan[];
  readonly scripts: readonly ScriptUnit[];
  readonly playbooks: readonly Playbook[];
  readonly seeds: readonly Seed[];
  readonly problems: readonly Problem[];
  /** What was looked at, as the user would write it. */
  readonly files: readonly SourceFile[];
  /** Files whose findings are wanted: of a template that is named alone, not those beside it. */
  isWanted(file: SourceFile): boolean;
}
