/**
 * What a build does, from its installer to its post-processors: the scripts, playbooks and seeds that its blocks name
 * are read, and what they do is put in the order of the build. What is not known (a path or a command that only the
 * running build can tell) leaves the plan incomplete, and rules that say something is missing then keep silent.
 */
import { isAbsolute, join } from 'node:path';
import type { Parser } from 'web-tree-sitter';
import { unreadable } from '../core/errors.ts';
import { MAX_LINT_ENTRIES } from '../core/limits.ts';
import { type Playbook, type Task, taskOperations } from './ansible.ts';
import { isFolder, namesIn, realPath } from './files.ts';
import type { Findings } from './findings.ts';
import { goActions } from './legacy.ts';
import type { Block, Build, Provisioner, Source, Template } from './model.ts';
import { operationsOf } from './operations.ts';
import type { Event, Plan, ScriptUnit, Step } from './plan.ts';
import { filesOf } from './references.ts';
import { type Seed, seedKind } from './seeds.ts';
import { SHELLS, ShellScript } from './shell/script.ts';
import { HOLE, MappedText, type Place } from './text.ts';
import { isShellName, type Units } from './units.ts';
import { itemsOf, optionsOf, staticText, toText } from './value.ts';

export class Planner {
  private readonly bash: Parser;
  private readonly findings: Findings;
  private readonly units: Units;
  private entries = 0;

  constructor(bash: Parser, findings: Findings, units: Units) {
    this.bash = bash;
    this.findings = findings;
    this.units = units;
  }

  /** Reads what a build of the template calls, and puts it in order. */
  plan(template: Template, build: Build): Plan {
    const seeds = build.sources.flatMap((source) => this.seedsOf(template, source));
    const steps = build.provisioners.map((one) => this.step(template, one));
    const events: Event[] = [];
    for (const seed of seeds) {
      for (const script of seed.scripts) events.push(...eventsOf(script, -1));
      for (const { name, place } of seed.packages) {
        const common = { place, isConditional: false, invocation: null };
        const packages = [{ name, place }];
        events.push({
          operation: {
            ...common,
            kind: 'install',
            manager: '',
            packages,
            isDynamic: false,
            recommends: null,
            noCache: true,
          },
          step: -1,
        });
      }
    }
    for (const [number, step] of steps.entries()) {
      for (const unit of step.scripts) if (!unit.isLocal) events.push(...eventsOf(unit.script, number));
      for (const playbook of step.playbooks) {
        for (const task of playbook.tasks) events.push(...taskEvents(task, number));
      }
    }
    // What runs on the way out counts as well: `shutdown_command` may remove the user.
    const last = build.sources.flatMap((source) => this.command(source.block, 'shutdown_command'));
    for (const script of last) events.push(...eventsOf(script, steps.length));
    const plan: Plan = {
      template,
      build,
      seeds: [...new Set(seeds)],
      steps,
      events,
      isComplete: steps.every((one) => one.isComplete) && !build.hasDynamicSources,
      isWindows:
        build.sources.some((source) => staticText(source.block.value('communicator')) === 'winrm') ||
        build.provisioners.some((one) => /^(?:powershell|windows-)/.test(one.type)),
    };
    for (const chain of build.postProcessors) {
      for (const one of chain) if (one.labels[0] === 'shell-local') this.shell(template, one, true);
    }
    return plan;
  }

  /** A command line in a setting as a script. */
  private command(block: Block, name: string): ShellScript[] {
    const value = block.value(name);
    if (value?.kind !== 'string') return [];
    const made: ShellScript[] = [];
    this.findings.attempt(value.place.file.path, () => {
      made.push(new ShellScript(this.bash, value.text));
    });
    return made;
  }

  private step(template: Template, provisioner: Provisioner): Step {
    const { type, block } = provisioner;
    if (type === 'shell' || type === 'shell-local') {
      const { units, isComplete } = this.shell(template, block, type === 'shell-local');
      return { provisioner, scripts: units, playbooks: [], isComplete };
    }
    if (type === 'ansible' || type === 'ansible-local') {
      const playbooks: Playbook[] = [];
      let isComplete = true;
      const roles = itemsOf(block.value('role_paths')).concat(itemsOf(block.value('roles_path')));
      for (const one of [
        ...itemsOf(block.value('playbook_file')),
        ...itemsOf(block.value('playbook_files')),
      ]) {
        const { found, isKnown } = filesOf(template, one);
        isComplete &&= isKnown && found.length > 0;
        for (const path of found) {
          this.findings.attempt(path, () => {
            const rolePaths = roles.map((role) => toText(role).text).filter((role) => !role.includes(HOLE));
            const playbook = this.units.playbook(this.findings.files.read(path), rolePaths);
            isComplete &&= playbook.isComplete;
            playbooks.push(playbook);
          });
        }
      }
      return { provisioner, scripts: [], playbooks, isComplete };
    }
    const isHarmless = /^(?:file|breakpoint|sleep|windows-restart|hcp-sbom|goss|inspec)$/.test(type);
    return { provisioner, scripts: [], playbooks: [], isComplete: isHarmless };
  }

  /** The scripts of a shell provisioner: `inline`, `script`, `scripts`, `command`. */
  private shell(
    template: Template,
    block: Block,
    isLocal: boolean,
  ): { units: ScriptUnit[]; isComplete: boolean } {
    const units: ScriptUnit[] = [];
    let isComplete = true;
    const shebang = staticText(block.value('inline_shebang'));
    const environment = environmentOf(block);
    const lines = [...itemsOf(block.value('inline')), ...itemsOf(block.value('command'))];
    if (lines.length > 0 && shebang !== undefined && !isShellName(shebang)) isComplete = false;
    else if (lines.length > 0) {
      const parts: MappedText[] = [];
      for (const [index, line] of lines.entries()) {
        if (index > 0) parts.push(MappedText.made('\n', line.place));
        parts.push(toText(line));
        if (line.kind === 'dynamic') isComplete = false;
      }
      const errexit = shebang === undefined || / -[a-zA-Z]*e/.test(shebang);
      this.findings.attempt(block.place.file.path, () => {
        const script = new ShellScript(this.bash, MappedText.join(parts), { errexit, environment });
        const key = `${block.place.file.path}:${block.place.start}:inline`;
        units.push(this.units.unit(script, 'inline', block.place.file.path, isLocal, false, key));
      });
    } else if (block.setting('inline') !== undefined) isComplete = false;
    const called = [...itemsOf(block.value('script')), ...itemsOf(block.value('scripts'))];
    const goesOn = !this.hasErrexit(block);
    for (const one of called) {
      if (staticText(one) === '' || staticText(one) === '/dev/null') continue;
      const { found, isKnown } = filesOf(template, one);
      isComplete &&= isKnown && found.length > 0;
      if (found.length === 0 && isKnown) {
        const message = `no such file: ${JSON.stringify(toText(one).text)}, which ${block.labels[0] ?? 'a provisioner'} calls`;
        this.findings.problem('LINT_SCRIPT_MISSING', 'warning', message, one.place, one.place.file.path);
      }
      for (const path of found) {
        this.findings.attempt(path, () => {
          const file = this.findings.files.read(path);
          const unit = this.units.scriptFile(file, isLocal, goesOn);
          if (unit === undefined) isComplete = false;
          else units.push(unit);
        });
      }
    }
    if (
      called.length === 0 &&
      (block.setting('scripts') !== undefined || block.setting('script') !== undefined)
    ) {
      const listed = block.value('scripts') ?? block.value('script');
      if (listed?.kind !== 'list' || listed.items.length > 0) isComplete = false;
    }
    return { units, isComplete };
  }

  /** `execute_command` runs the script with `sh -e`, or is not known. */
  private hasErrexit(block: Block): boolean {
    return optionsOf(block.value('execute_command')).some((command) => {
      if (command.kind !== 'string') return command.kind === 'dynamic';
      const text = MappedText.made(commandText(command.text.text), command.place);
      return new ShellScript(this.bash, text).invocations.some(
        (one) => SHELLS.has(one.name) && one.args.some((arg) => /^-[a-zA-Z]*e/.test(arg.text)),
      );
    });
  }

  /** Files and texts that a source serves to its installer. */
  private seedsOf(template: Template, source: Source): Seed[] {
    const found: Seed[] = [];
    const { block } = source;
    const take = (path: string): void => {
      // Whatever else lies there (ISO files, keys) is none of ours.
      const file = this.findings.files.tryRead(path);
      const kind = file === undefined ? undefined : seedKind(file.text);
      if (file === undefined || kind === undefined) return;
      this.findings.attempt(path, () =>
        found.push(this.units.seed(kind, file, file.mapped(0, file.text.length))),
      );
    };
    for (const name of ['http_directory', 'floppy_dirs']) {
      for (const one of itemsOf(block.value(name))) {
        const path = staticText(one);
        if (path === undefined || path === '') continue;
        const folders = isAbsolute(path) ? [path] : [path, join(template.folder, path)];
        const folder = folders.find(isFolder);
        if (folder !== undefined) this.seedFolder(folder, take, 0);
      }
    }
    for (const name of ['cd_files', 'floppy_files']) {
      for (const one of itemsOf(block.value(name)))
        for (const path of filesOf(template, one).found) take(path);
    }
    for (const name of ['http_content', 'cd_content', 'floppy_content']) {
      const value = block.value(name);
      const entries = value?.kind === 'object' ? value.entries : [];
      for (const { key, value: content } of entries) {
        if (content.kind !== 'string') continue;
        const kind = seedKind(content.text.text);
        const place = content.text.placeOf(0, content.text.text.length);
        if (kind === undefined || place === undefined) continue;
        const { file } = place;
        this.findings.attempt(file.path, () => {
          const id = isWholeFile(place) ? realPath(file.path) : `${file.path}:${place.start}:${key}`;
          found.push(this.units.seed(kind, file, content.text, id));
        });
      }
    }
    return found;
  }

  private seedFolder(folder: string, take: (path: string) => void, depth: number): void {
    if (depth > 4) return;
    for (const { name, isFolder: isInner } of namesIn(folder)) {
      if (++this.entries > MAX_LINT_ENTRIES)
        throw unreadable('LINT_TOO_MANY', 'has too many entries', { where: [folder] });
      if (isInner) this.seedFolder(join(folder, name), take, depth + 1);
      else take(join(folder, name));
    }
  }
}

const isWholeFile = (place: Place): boolean =>
  place.start === 0 && place.end >= place.file.text.trimEnd().length;

/** An `execute_command` as it will run: variables in front, the script in its place. */
function commandText(text: string): string {
  let made = '';
  let at = 0;
  for (const { start, end, words } of goActions(text)) {
    made += text.slice(at, start) + (words[0] === '.Path' ? 'script' : '');
    at = end;
  }
  return made + text.slice(at);
}

function environmentOf(block: Block): Map<string, string> {
  const made = new Map<string, string>();
  for (const one of itemsOf(block.value('environment_vars'))) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(toText(one).text);
    if (match !== null && !match[2]!.includes(HOLE)) made.set(match[1]!, match[2]!);
  }
  const env = block.value('env');
  if (env?.kind === 'object') {
    for (const { key, value } of env.entries) {
      const text = staticText(value);
      if (text !== undefined) made.set(key, text);
    }
  }
  return made;
}

function eventsOf(script: ShellScript, step: number): Event[] {
  return script.invocations.flatMap((one) => operationsOf(one).map((operation) => ({ operation, step })));
}

function taskEvents(task: Task, step: number): Event[] {
  if (task.script === null) return taskOperations(task).map((operation) => ({ operation, step }));
  return eventsOf(task.script, step).map(({ operation }) => ({
    operation: { ...operation, isConditional: operation.isConditional || task.isConditional },
    step,
  }));
}
