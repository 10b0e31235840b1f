/** The scripts, playbooks and seeds of a lint run: each read once, however many builds call it. */
import { basename } from 'node:path';
import type { Parser } from 'web-tree-sitter';
import { type Playbook, readPlaybook } from './ansible.ts';
import { realPath } from './files.ts';
import type { Findings } from './findings.ts';
import type { ScriptOrigin, ScriptUnit } from './plan.ts';
import { readSeed, type Seed } from './seeds.ts';
import { SHELLS, ShellScript } from './shell/script.ts';
import type { MappedText, SourceFile } from './text.ts';

export class Units {
  private readonly bash: Parser;
  private readonly findings: Findings;
  readonly scripts = new Map<string, ScriptUnit>();
  readonly playbooks = new Map<string, Playbook>();
  readonly seeds = new Map<string, Seed>();

  constructor(bash: Parser, findings: Findings) {
    this.bash = bash;
    this.findings = findings;
  }

  /** The script in a file, or undefined for one in another language. */
  scriptFile(file: SourceFile, isLocal: boolean, goesOn: boolean): ScriptUnit | undefined {
    const shell = shellOf(file) ?? 'sh';
    this.findings.look(file);
    if (!SHELLS.has(shell) || /\.(?:ps1|bat|cmd|py|rb|pl)$/.test(file.path)) {
      this.findings.problem('LINT_LANGUAGE', 'info', 'is no shell script: not looked into', null, file.path);
      return undefined;
    }
    const key = `${realPath(file.path)}:${isLocal}`;
    const known = this.scripts.get(key);
    if (known !== undefined) {
      known.goesOnAfterErrors ||= goesOn;
      return known;
    }
    const script = new ShellScript(this.bash, file.mapped(0, file.text.length));
    return this.unit(script, 'file', file.path, isLocal, goesOn, key);
  }

  /**
   * Notes a script under its key; one that is known is returned as it was.
   * @param path the file that it stands in
   * @param isLocal it runs on the machine that builds
   */
  unit(
    script: ShellScript,
    origin: ScriptOrigin,
    path: string,
    isLocal: boolean,
    goesOnAfterErrors: boolean,
    key: string,
  ): ScriptUnit {
    const known = this.scripts.get(key);
    if (known !== undefined) return known;
    const made: ScriptUnit = { script, origin, path, isLocal, goesOnAfterErrors };
    this.scripts.set(key, made);
    const [first] = script.parsed.broken;
    if (first !== undefined && script.mapped.isStatic) {
      const place = script.place(first.start, first.end) ?? null;
      this.findings.problem(
        'LINT_SHELL_SYNTAX',
        'warning',
        `${first.message}; the rest of the script was looked at`,
        place,
        path,
      );
    }
    return made;
  }

  /** Reads a playbook with its roles; its shell tasks are scripts like others. */
  playbook(file: SourceFile, rolePaths: readonly string[]): Playbook {
    const key = realPath(file.path);
    const known = this.playbooks.get(key);
    if (known !== undefined) return known;
    const playbook = readPlaybook(this.bash, this.findings.files, file, rolePaths);
    this.playbooks.set(key, playbook);
    for (const one of playbook.files) this.findings.look(one);
    this.findings.brokenFiles(playbook.broken);
    for (const { script, place } of playbook.tasks) {
      if (script !== null)
        this.unit(script, 'task', place.file.path, false, false, `${place.file.path}:${place.start}`);
    }
    return playbook;
  }

  /** Reads what an installer or a first boot is told; its scripts are scripts like others. */
  seed(kind: Seed['kind'], file: SourceFile, text: MappedText, key = realPath(file.path)): Seed {
    const known = this.seeds.get(key);
    if (known !== undefined) return known;
    const seed = readSeed(this.bash, kind, file.path, text);
    this.seeds.set(key, seed);
    this.findings.look(file);
    this.findings.broken(seed.broken);
    for (const [number, script] of seed.scripts.entries()) {
      this.unit(script, 'seed', file.path, false, kind === 'kickstart', `${key}:${number}`);
    }
    return seed;
  }
}

/** The interpreter of a script's first line; undefined without one. */
export function shellOf(file: SourceFile): string | undefined {
  const shebang = /^#!([^\n\r]*)/.exec(file.text)?.[1];
  return shebang === undefined ? undefined : interpreterOf(shebang);
}

/** The interpreter that a first line names, `env` looked through. */
function interpreterOf(shebang: string): string {
  const [program = '', first = ''] = shebang.trim().split(/\s+/);
  return basename(basename(program) === 'env' ? first : program);
}

export const isShellName = (shebang: string): boolean =>
  SHELLS.has(interpreterOf(shebang.replace(/^#!/, '')));
