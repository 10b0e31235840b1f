/**
 * All that one lint run is about: the templates under the paths that were given, and what they call: scripts,
 * playbooks, and the files that installers and first boots read. A folder is searched for templates; without any in
 * it, for scripts, playbooks and seeds. A file is what its name and content say.
 */
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import type { Parser } from 'web-tree-sitter';
import { ImgoptError, unreadable, unsupported, usage } from '../core/errors.ts';
import { MAX_LINT_ENTRIES } from '../core/limits.ts';
import { type Playbook, readPlaybook, type Task, taskOperations } from './ansible.ts';
import { foldersAbove, isFile, isFolder, LintFiles, namesIn, realPath, shownPath } from './files.ts';
import { readHcl2 } from './hcl2.ts';
import { goActions, isLegacyTemplate, readLegacy } from './legacy.ts';
import type { Block, Build, Provisioner, Source, Template } from './model.ts';
import { type Operation, operationsOf } from './operations.ts';
import { readSeed, type Seed, seedKind } from './seeds.ts';
import { SHELLS, ShellScript } from './shell/script.ts';
import { parseJson, SyntaxProblem } from './syntax/json.ts';
import { loadGrammar } from './syntax/tree-sitter.ts';
import { parseYaml } from './syntax/yaml.ts';
import { HOLE, MappedText, type Place, type SourceFile } from './text.ts';
import { itemsOf, member, optionsOf, staticText, toText, type Value } from './value.ts';

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

export interface ProjectOptions {
  readonly variableFiles?: readonly string[];
}

/**
 * Reads everything that `paths` lead to.
 * @throws ImgoptError `usage` when there is nothing to lint
 */
export async function loadProject(paths: readonly string[], options: ProjectOptions = {}): Promise<Project> {
  const [bash, hcl] = await Promise.all([loadGrammar('bash'), loadGrammar('hcl')]);
  return new Loader(bash, hcl, options).load(paths);
}

const isHcl2 = (name: string): boolean => name.endsWith('.pkr.hcl') || name.endsWith('.pkr.json');
const isScriptName = (name: string): boolean => /\.(?:sh|bash)$/.test(name);
const SKIPPED = new Set(['node_modules', 'packer_cache', 'packer_plugins']);

class Loader {
  private readonly bash: Parser;
  private readonly hcl: Parser;
  private readonly files = new LintFiles();
  private readonly variableFiles: readonly SourceFile[];
  private readonly problems: Problem[] = [];
  private readonly templates: Template[] = [];
  private readonly plans: Plan[] = [];
  private readonly scripts = new Map<string, ScriptUnit>();
  private readonly playbooks = new Map<string, Playbook>();
  private readonly seeds = new Map<string, Seed>();
  private readonly looked = new Map<string, SourceFile>();
  /** Read only so that others can be understood. */
  private readonly context = new Set<string>();
  private readonly folders = new Set<string>();
  private entries = 0;

  constructor(bash: Parser, hcl: Parser, options: ProjectOptions) {
    this.bash = bash;
    this.hcl = hcl;
    this.variableFiles = (options.variableFiles ?? []).map((path) => this.files.read(path));
  }

  load(paths: readonly string[]): Project {
    /** HCL2 files by folder; those that were named, or null for all of them. */
    const groups = new Map<string, Set<string> | null>();
    for (const path of paths) {
      if (isFolder(path)) this.folder(path, groups);
      else this.attempt(path, () => this.single(path, groups));
    }
    for (const [folder, named] of groups) this.group(folder, named);
    if (this.looked.size === 0 && this.problems.every((one) => one.severity !== 'error')) {
      throw usage('LINT_NOTHING', `there is nothing to lint in ${paths.join(', ')}`, {
        advice:
          'name a Packer template (*.pkr.hcl, *.pkr.json, *.json), a script, a playbook, or a folder of these',
      });
    }
    const context = this.context;
    for (const path of this.files.recoded) {
      this.problem('LINT_NOT_UTF8', 'info', 'is not UTF-8; read as Latin-1', null, path);
    }
    return {
      templates: this.templates,
      plans: this.plans,
      scripts: [...this.scripts.values()],
      playbooks: [...this.playbooks.values()],
      seeds: [...this.seeds.values()],
      problems: this.problems,
      files: [...this.looked.values()].filter((file) => !context.has(file.path)),
      isWanted: (file) => !context.has(file.path),
    };
  }

  private problem(
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
  private attempt(path: string, work: () => void): void {
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

  private folder(path: string, groups: Map<string, Set<string> | null>): void {
    const scripts: string[] = [];
    let templates = 0;
    const walk = (folder: string): void => {
      const real = realPath(folder);
      if (this.folders.has(real)) return;
      this.folders.add(real);
      for (const { name, isFolder: isInner } of namesIn(folder)) {
        if (++this.entries > MAX_LINT_ENTRIES) {
          throw unsupported('LINT_TOO_MANY', `has more than ${MAX_LINT_ENTRIES} entries`, {
            where: [path],
            advice: 'name the folders of its templates',
          });
        }
        if (name.startsWith('.') || SKIPPED.has(name)) continue;
        const inner = join(folder, name);
        if (isInner) walk(inner);
        else if (isHcl2(name)) {
          groups.set(folder, null);
          templates++;
        } else if (name.endsWith('.json')) {
          // Most JSON files are none of ours, and may be large or broken as they like.
          const file = this.files.tryRead(inner);
          if (file?.text.includes('"builders"') && this.legacy(file, true)) templates++;
        } else scripts.push(inner);
      }
    };
    this.attempt(path, () => walk(path));
    if (templates > 0) return;
    for (const script of scripts) {
      const name = basename(script);
      const isSeedName = /\.(?:ks|cfg|preseed)$|^(?:user-data|preseed)/.test(name);
      if (isScriptName(name) || isSeedName || /\.ya?ml$/.test(name)) {
        this.attempt(script, () => this.loose(script, true));
      }
    }
  }

  private single(path: string, groups: Map<string, Set<string> | null>): void {
    const name = basename(path);
    if (isHcl2(name)) {
      this.files.read(path);
      const folder = dirname(path);
      const named = groups.get(folder);
      if (named === null) return;
      groups.set(folder, (named ?? new Set()).add(name));
    } else if (name.endsWith('.json')) {
      if (!this.legacy(this.files.read(path), false)) {
        throw unsupported('LINT_UNKNOWN', 'is no Packer template: it has no builders', { where: [path] });
      }
    } else this.loose(path, false);
  }

  /** A file that no template calls. */
  private loose(path: string, isFound: boolean): void {
    const file = this.files.read(path);
    const name = basename(path);
    const kind = seedKind(file.text);
    if (kind !== undefined) {
      this.seed(kind, file, file.mapped(0, file.text.length));
      return;
    }
    if (/\.ya?ml$/.test(name)) {
      if (this.looksLikePlaybook(file, isFound)) this.playbook(file, []);
      else if (!isFound)
        throw unsupported('LINT_UNKNOWN', 'is no playbook and no cloud-config', { where: [path] });
      return;
    }
    const shell = shellOf(file);
    if (shell === undefined ? isScriptName(name) : SHELLS.has(shell)) {
      this.scriptFile(file, false, true);
      return;
    }
    if (!isFound) {
      throw unsupported('LINT_UNKNOWN', 'is nothing that lint knows', {
        where: [path],
        advice:
          'it reads Packer templates, shell scripts, playbooks, cloud-config, kickstart and preseed files',
      });
    }
  }

  private looksLikePlaybook(file: SourceFile, isFound: boolean): boolean {
    try {
      const [root] = parseYaml(file);
      return (
        root?.kind === 'list' &&
        root.items.some(
          (one) => member(one, 'hosts') !== undefined || member(one, 'import_playbook') !== undefined,
        )
      );
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      if (!isFound) this.broken([{ place: file.place(error.offset, error.offset), message: error.message }]);
      return false;
    }
  }

  private look(file: SourceFile): void {
    this.looked.set(realPath(file.path), file);
  }

  private broken(list: readonly { readonly place: Place; readonly message: string }[]): void {
    const [first] = list;
    if (first === undefined) return;
    const more = list.length === 1 ? '' : ` (and ${list.length - 1} more like it)`;
    this.problem('TEMPLATE_SYNTAX', 'error', `${first.message}${more}`, first.place, first.place.file.path);
  }

  /** The HCL2 files of a folder are one configuration. */
  private group(folder: string, named: ReadonlySet<string> | null): void {
    const all = namesIn(folder).filter((one) => !one.isFolder);
    const sources: SourceFile[] = [];
    for (const { name } of all.filter((one) => isHcl2(one.name))) {
      const path = folder === '.' ? name : join(folder, name);
      this.attempt(path, () => {
        const file = this.files.read(path);
        sources.push(file);
        this.look(file);
        if (named !== null && !named.has(name)) this.context.add(file.path);
      });
    }
    const auto = all.filter(({ name }) => /\.auto\.pkrvars\.(?:hcl|json)$/.test(name));
    const variableFiles = auto.flatMap(({ name }) => this.files.tryRead(join(folder, name)) ?? []);
    this.attempt(folder, () => {
      const { template, broken } = readHcl2(this.hcl, this.files, sources, {
        folder,
        searchFolders: [...foldersAbove(join(folder, 'x'), 6)].map(shownPath),
        variableFiles: [...variableFiles, ...this.variableFiles],
      });
      for (const one of groupByFile(broken)) this.broken(one);
      this.template(template);
    });
  }

  private legacy(file: SourceFile, isFound: boolean): boolean {
    let root: Value;
    try {
      root = parseJson(file);
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      this.look(file);
      if (isFound && !file.text.includes('"provisioners"')) return false;
      this.broken([{ place: file.place(error.offset, error.offset), message: error.message }]);
      return true;
    }
    if (!isLegacyTemplate(root)) return false;
    this.look(file);
    const values = this.variableFiles.flatMap((one) => {
      try {
        return [parseJson(one)];
      } catch (error) {
        if (error instanceof SyntaxProblem)
          throw usage('LINT_VARIABLES', error.message, { where: [one.path] });
        throw error;
      }
    });
    this.template(readLegacy(file, root, dirname(file.path), values));
    return true;
  }

  private template(template: Template): void {
    this.templates.push(template);
    for (const build of template.builds) this.plan(template, build);
  }

  private plan(template: Template, build: Build): void {
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
    this.plans.push({
      template,
      build,
      seeds: [...new Set(seeds)],
      steps,
      events,
      isComplete: steps.every((one) => one.isComplete) && !build.hasDynamicSources,
      isWindows:
        build.sources.some((source) => staticText(source.block.value('communicator')) === 'winrm') ||
        build.provisioners.some((one) => /^(?:powershell|windows-)/.test(one.type)),
    });
    for (const chain of build.postProcessors) {
      for (const one of chain) if (one.labels[0] === 'shell-local') this.shell(template, one, true);
    }
  }

  /** A command line in a setting as a script. */
  private command(block: Block, name: string): ShellScript[] {
    const value = block.value(name);
    if (value?.kind !== 'string') return [];
    const made: ShellScript[] = [];
    this.attempt(value.place.file.path, () => {
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
        const { found, isKnown } = this.resolve(template, one);
        isComplete &&= isKnown && found.length > 0;
        for (const path of found) {
          this.attempt(path, () => {
            const rolePaths = roles.map((role) => toText(role).text).filter((role) => !role.includes(HOLE));
            const playbook = this.playbook(this.files.read(path), rolePaths);
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

  private playbook(file: SourceFile, rolePaths: readonly string[]): Playbook {
    const key = realPath(file.path);
    const known = this.playbooks.get(key);
    if (known !== undefined) return known;
    const playbook = readPlaybook(this.bash, this.files, file, rolePaths);
    this.playbooks.set(key, playbook);
    for (const one of playbook.files) this.look(one);
    for (const one of groupByFile(playbook.broken)) this.broken(one);
    for (const { script, place } of playbook.tasks) {
      if (script !== null)
        this.unit(script, 'task', place.file.path, false, false, `${place.file.path}:${place.start}`);
    }
    return playbook;
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
      this.attempt(block.place.file.path, () => {
        const script = new ShellScript(this.bash, MappedText.join(parts), { errexit, environment });
        const key = `${block.place.file.path}:${block.place.start}:inline`;
        units.push(this.unit(script, 'inline', block.place.file.path, isLocal, false, key));
      });
    } else if (block.setting('inline') !== undefined) isComplete = false;
    const called = [...itemsOf(block.value('script')), ...itemsOf(block.value('scripts'))];
    const goesOn = !this.hasErrexit(block);
    for (const one of called) {
      if (staticText(one) === '' || staticText(one) === '/dev/null') continue;
      const { found, isKnown } = this.resolve(template, one);
      isComplete &&= isKnown && found.length > 0;
      if (found.length === 0 && isKnown) {
        const message = `no such file: ${JSON.stringify(toText(one).text)}, which ${block.labels[0] ?? 'a provisioner'} calls`;
        this.problem('LINT_SCRIPT_MISSING', 'warning', message, one.place, one.place.file.path);
      }
      for (const path of found) {
        this.attempt(path, () => {
          const file = this.files.read(path);
          const unit = this.scriptFile(file, isLocal, goesOn);
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

  private scriptFile(file: SourceFile, isLocal: boolean, goesOn: boolean): ScriptUnit | undefined {
    const shell = shellOf(file) ?? 'sh';
    this.look(file);
    if (!SHELLS.has(shell) || /\.(?:ps1|bat|cmd|py|rb|pl)$/.test(file.path)) {
      this.problem('LINT_LANGUAGE', 'info', 'is no shell script: not looked into', null, file.path);
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

  private unit(
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
      this.problem(
        'LINT_SHELL_SYNTAX',
        'warning',
        `${first.message}; the rest of the script was looked at`,
        place,
        path,
      );
    }
    return made;
  }

  /** Files that a path in a template means; a dynamic part stands for any name. */
  private resolve(template: Template, value: Value): { found: string[]; isKnown: boolean } {
    const path = toText(value).text;
    if (path === '' || path === HOLE) return { found: [], isKnown: false };
    const isKnown = !path.includes(HOLE);
    const bases = isAbsolute(path)
      ? ['/']
      : ['.', template.folder, ...foldersAbove(join(template.folder, 'x'), 6)];
    for (const base of bases) {
      const whole = base === '.' || isAbsolute(path) ? path : join(base, path);
      if (isKnown) {
        if (isFile(whole)) return { found: [shown(whole)], isKnown };
        continue;
      }
      const found = matching(whole);
      if (found.length > 0) return { found: found.map(shown), isKnown };
    }
    return { found: [], isKnown };
  }

  private seed(kind: Seed['kind'], file: SourceFile, text: MappedText, key = realPath(file.path)): Seed {
    const known = this.seeds.get(key);
    if (known !== undefined) return known;
    const seed = readSeed(this.bash, kind, file.path, text);
    this.seeds.set(key, seed);
    this.look(file);
    this.broken(seed.broken);
    for (const [number, script] of seed.scripts.entries()) {
      this.unit(script, 'seed', file.path, false, kind === 'kickstart', `${key}:${number}`);
    }
    return seed;
  }

  /** Files and texts that a source serves to its installer. */
  private seedsOf(template: Template, source: Source): Seed[] {
    const found: Seed[] = [];
    const { block } = source;
    const take = (path: string): void => {
      // Whatever else lies there (ISO files, keys) is none of ours.
      const file = this.files.tryRead(path);
      const kind = file === undefined ? undefined : seedKind(file.text);
      if (file === undefined || kind === undefined) return;
      this.attempt(path, () => found.push(this.seed(kind, file, file.mapped(0, file.text.length))));
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
        for (const path of this.resolve(template, one).found) take(path);
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
        this.attempt(file.path, () => {
          const id = isWholeFile(place) ? realPath(file.path) : `${file.path}:${place.start}:${key}`;
          found.push(this.seed(kind, file, content.text, id));
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

/** The interpreter of a script's first line; undefined without one. */
function shellOf(file: SourceFile): string | undefined {
  const shebang = /^#!([^\n\r]*)/.exec(file.text)?.[1];
  return shebang === undefined ? undefined : interpreterOf(shebang);
}

/** The interpreter that a first line names, `env` looked through. */
function interpreterOf(shebang: string): string {
  const [program = '', first = ''] = shebang.trim().split(/\s+/);
  return basename(basename(program) === 'env' ? first : program);
}

const isShellName = (shebang: string): boolean => SHELLS.has(interpreterOf(shebang.replace(/^#!/, '')));

function shown(path: string): string {
  const from = relative('.', path);
  return from.startsWith('..') ? path : from;
}

/** Files below the first folder without a dynamic part, whose names match. */
function matching(path: string): string[] {
  const parts = path.split('/');
  const fixed = parts.findIndex((part) => part.includes(HOLE));
  // A file whose name is wholly unknown could be any.
  if (fixed < 0 || parts.at(-1) === HOLE) return [];
  let found = [parts.slice(0, fixed).join('/') || (path.startsWith('/') ? '/' : '.')];
  for (const part of parts.slice(fixed)) {
    const pattern = new RegExp(
      `^${part
        .split(HOLE)
        .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
        .join('[^/]*')}$`,
    );
    found = found.flatMap((folder) =>
      namesIn(folder)
        .filter(({ name }) => pattern.test(name))
        .map(({ name }) => join(folder, name)),
    );
    if (found.length > MAX_MATCHES) return [];
  }
  return found.filter(isFile);
}

/** A dynamic path that fits more files than this says nothing. */
const MAX_MATCHES = 64;

function groupByFile<T extends { readonly place: Place }>(list: readonly T[]): T[][] {
  return [...Map.groupBy(list, (one) => one.place.file).values()];
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
