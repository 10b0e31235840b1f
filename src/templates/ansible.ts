/**
 * Ansible playbooks as lint reads them: the tasks that run, in order, with roles and imported files as far as their
 * names are static. Module names are without their collection (`ansible.builtin.apt` is `apt`).
 */
import { dirname, join } from 'node:path';
import type { Parser } from 'web-tree-sitter';
import { ImgoptError } from '../core/errors.ts';
import { MAX_INCLUDE_DEPTH } from '../core/limits.ts';
import { isFile, type LintFiles, realPath } from './files.ts';
import type { Operation } from './operations.ts';
import { ShellScript } from './shell/script.ts';
import { SyntaxProblem } from './syntax/json.ts';
import { parseYaml } from './syntax/yaml.ts';
import { HOLE, MappedText, type Place, type SourceFile } from './text.ts';
import { entryOf, itemsOf, member, staticText, stringValue, toText, truth, type Value } from './value.ts';

export interface Task {
  readonly module: string;
  /** The module's arguments: an object, or a text in free form. */
  readonly args: Value;
  readonly place: Place;
  /** The task as a whole: `when`, `loop`, `register`. */
  readonly task: Value;
  readonly isConditional: boolean;
  /** Of `shell`, `command`, `raw`. */
  readonly script: ShellScript | null;
}

export interface Playbook {
  readonly file: SourceFile;
  readonly tasks: readonly Task[];
  readonly files: readonly SourceFile[];
  /** Some of what it includes could not be followed. */
  readonly isComplete: boolean;
  readonly broken: readonly { readonly place: Place; readonly message: string }[];
}

/** What stands in a task beside its module. */
const KEYWORDS = new Set(
  (
    'action any_errors_fatal args async become become_exe become_flags become_method become_user changed_when ' +
    'check_mode collections connection debugger delay delegate_facts delegate_to diff environment failed_when ' +
    'ignore_errors ignore_unreachable local_action loop loop_control module_defaults name no_log notify poll port ' +
    'register remote_user retries run_once tags throttle timeout until vars when listen'
  ).split(' '),
);

/** Reads a playbook and what it imports. */
export function readPlaybook(
  parser: Parser,
  files: LintFiles,
  file: SourceFile,
  rolePaths: readonly string[],
): Playbook {
  return new Reader(parser, files, rolePaths).read(file);
}

class Reader {
  private readonly parser: Parser;
  private readonly files: LintFiles;
  private readonly rolePaths: readonly string[];
  private readonly tasks: Task[] = [];
  private readonly seen: SourceFile[] = [];
  private readonly broken: { place: Place; message: string }[] = [];
  private readonly open = new Set<string>();
  private isComplete = true;

  constructor(parser: Parser, files: LintFiles, rolePaths: readonly string[]) {
    this.parser = parser;
    this.files = files;
    this.rolePaths = rolePaths;
  }

  read(file: SourceFile): Playbook {
    this.playbook(file);
    const { tasks, seen: files, isComplete, broken } = this;
    return { file, tasks, files, isComplete, broken };
  }

  /** Runs `work` over a file's documents unless it is open already: imports may go in circles. */
  private within(file: SourceFile, work: (root: Value) => void): void {
    const key = realPath(file.path);
    if (this.open.has(key) || this.open.size >= MAX_INCLUDE_DEPTH) return;
    this.open.add(key);
    try {
      this.seen.push(file);
      for (const document of parseYaml(file)) work(document);
    } catch (error) {
      this.isComplete = false;
      if (error instanceof SyntaxProblem) {
        this.broken.push({ place: file.place(error.offset, error.offset), message: error.message });
      } else if (!(error instanceof ImgoptError)) throw error;
    } finally {
      this.open.delete(key);
    }
  }

  private playbook(file: SourceFile): void {
    this.within(file, (root) => {
      for (const play of itemsOf(root)) {
        const imported = entryOf(play, 'import_playbook') ?? entryOf(play, 'ansible.builtin.import_playbook');
        if (imported !== undefined) {
          this.follow(file, staticText(imported.value), (next) => this.playbook(next));
          continue;
        }
        this.list(file, member(play, 'pre_tasks'), false);
        for (const role of itemsOf(member(play, 'roles'))) {
          this.role(
            file,
            staticText(role) ?? staticText(member(role, 'role') ?? member(role, 'name')),
            'main',
            member(role, 'when') !== undefined,
          );
        }
        this.list(file, member(play, 'tasks'), false);
        this.list(file, member(play, 'post_tasks'), false);
        this.list(file, member(play, 'handlers'), true);
      }
    });
  }

  /** Tasks of a file that is a list of tasks: `main.yml` of a role. */
  taskFile(file: SourceFile, isConditional: boolean): void {
    this.within(file, (root) => this.list(file, root, isConditional));
  }

  private list(file: SourceFile, value: Value | undefined, isConditional: boolean): void {
    for (const one of itemsOf(value)) this.task(file, one, isConditional);
  }

  private follow(from: SourceFile, path: string | undefined, work: (file: SourceFile) => void): void {
    const file =
      path === undefined || path.includes('{{')
        ? undefined
        : this.files.tryRead(join(dirname(from.path), path));
    if (file === undefined) this.isComplete = false;
    else work(file);
  }

  private role(from: SourceFile, name: string | undefined, tasks: string, isConditional: boolean): void {
    if (name === undefined || name.includes('{{')) {
      this.isComplete = false;
      return;
    }
    const folder = dirname(from.path);
    const places = [
      ...this.rolePaths,
      join(folder, 'roles'),
      join(folder, '..'),
      join(folder, '..', '..'),
      join(folder, '..', 'roles'),
      folder,
    ];
    for (const place of places) {
      for (const end of ['yml', 'yaml']) {
        const path = join(place, name, 'tasks', `${tasks.replace(/\.ya?ml$/, '')}.${end}`);
        if (!isFile(path)) continue;
        const file = this.files.tryRead(path);
        if (file === undefined) this.isComplete = false;
        else this.taskFile(file, isConditional);
        return;
      }
    }
    this.isComplete = false;
  }

  private task(file: SourceFile, task: Value, outer: boolean): void {
    if (task.kind !== 'object') return;
    const isConditional = outer || member(task, 'when') !== undefined;
    const block = member(task, 'block');
    if (block !== undefined) {
      for (const key of ['block', 'always']) this.list(file, member(task, key), isConditional);
      this.list(file, member(task, 'rescue'), true);
      return;
    }
    const found = task.entries.find(({ key }) => !KEYWORDS.has(key) && !key.startsWith('with_'));
    if (found === undefined) return;
    const module = found.key.split('.').at(-1)!;
    const args = found.value;
    const named = staticText(args) ?? staticText(member(args, 'file'));
    if (/^(?:include|import|include_tasks|import_tasks)$/.test(module)) {
      this.follow(file, named, (next) => this.taskFile(next, isConditional));
      return;
    }
    if (module === 'include_role' || module === 'import_role') {
      this.role(
        file,
        staticText(member(args, 'name')),
        staticText(member(args, 'tasks_from')) ?? 'main',
        isConditional,
      );
      return;
    }
    this.tasks.push({
      module,
      args,
      task,
      isConditional,
      place: found.keyPlace,
      script: this.script(module, args),
    });
  }

  private script(module: string, args: Value): ShellScript | null {
    if (module !== 'shell' && module !== 'command' && module !== 'raw') return null;
    const text = args.kind === 'string' ? args : (member(args, 'cmd') ?? member(args, '_raw_params'));
    if (text?.kind !== 'string') return null;
    try {
      return new ShellScript(this.parser, withoutJinja(text.text), { errexit: true });
    } catch (error) {
      if (error instanceof ImgoptError) return null;
      throw error;
    }
  }
}

/** A text with Jinja's `{{ … }}` and `{% … %}` as HOLE. */
export function withoutJinja(text: MappedText): MappedText {
  if (!text.text.includes('{{') && !text.text.includes('{%')) return text;
  const parts: MappedText[] = [];
  let at = 0;
  for (const match of text.text.matchAll(/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    at = match.index + match[0].length;
    const place = text.placeOf(match.index, at);
    if (place !== undefined) parts.push(MappedText.made(HOLE, place));
  }
  if (at < text.text.length) parts.push(text.slice(at, text.text.length));
  return MappedText.join(parts);
}

/** The value of an argument, Jinja in it unknown; free form (`name=x state=y`) has arguments too. */
export function argument(task: Task, name: string): Value | undefined {
  const value = member(task.args, name) ?? member(member(task.task, 'args'), name);
  if (value?.kind === 'string') return stringValue(withoutJinja(value.text), value.place);
  if (value !== undefined || task.args.kind !== 'string') return value;
  const { text, place } = task.args;
  const match = new RegExp(`(?:^|\\s)${name}=("[^"]*"|'[^']*'|\\S+)`).exec(text.text);
  if (match === null) return undefined;
  return stringValue(withoutJinja(MappedText.made(match[1]!.replace(/^["']|["']$/g, ''), place)), place);
}

const MANAGERS: Record<string, string> = {
  apt: 'dpkg',
  dnf: 'rpm',
  dnf5: 'rpm',
  yum: 'rpm',
  zypper: 'rpm',
  apk: 'apk',
  pacman: 'pacman',
  package: '',
  pip: 'python',
  npm: 'npm',
  gem: 'gem',
  snap: 'snap',
};

/** What a task does to the image; those of `shell` are its script's. */
export function taskOperations(task: Task): Operation[] {
  const { place, isConditional } = task;
  const common = { place, isConditional, invocation: null };
  const text = (name: string) => staticText(argument(task, name));
  const manager = MANAGERS[task.module];
  if (manager !== undefined && Object.hasOwn(MANAGERS, task.module)) return packageTask(task, manager);
  if (task.module === 'reboot') return [{ ...common, kind: 'reboot' }];
  if (task.module === 'file' && text('state') === 'absent') {
    const listed = itemsOf(
      member(task.task, 'loop') ?? member(task.task, 'with_items') ?? member(task.task, 'with_fileglob'),
    );
    const own = argument(task, 'path') ?? argument(task, 'dest') ?? argument(task, 'name');
    const paths = [own, ...listed].map((one) => staticText(one) ?? '').filter((one) => one.startsWith('/'));
    return [{ ...common, kind: 'erase', paths }];
  }
  return [];
}

function packageTask(task: Task, manager: string): Operation[] {
  const { place, isConditional } = task;
  const common = { place, isConditional, invocation: null };
  const made: Operation[] = [];
  const is = (name: string) =>
    truth(argument(task, name)) === true || staticText(argument(task, name)) === 'yes';
  if (is('update_cache')) made.push({ ...common, kind: 'refresh', manager });
  const upgrade = staticText(argument(task, 'upgrade'));
  if (upgrade !== undefined && !['no', 'false'].includes(upgrade))
    made.push({ ...common, kind: 'upgrade', manager });
  if (is('autoclean') || is('clean')) made.push({ ...common, kind: 'clean', manager });
  if (is('autoremove')) made.push({ ...common, kind: 'autoremove', manager });
  const state = staticText(argument(task, 'state')) ?? 'present';
  const named = argument(task, 'name') ?? argument(task, 'pkg') ?? argument(task, 'package');
  if (named === undefined) return made;
  const loop = member(task.task, 'loop') ?? member(task.task, 'with_items');
  const own = itemsOf(named).flatMap((one) =>
    one.kind === 'string'
      ? one.text.text.split(',').map((name) => ({ name: name.trim(), place: one.place }))
      : [],
  );
  const usesItem = toText(named).text.includes(HOLE) || own.some(({ name }) => name.includes('{{'));
  const looped = itemsOf(loop).flatMap((one) => {
    const name = staticText(one);
    return name === undefined ? [] : [{ name, place: one.place }];
  });
  const names = (usesItem && looped.length > 0 ? looped : own)
    .filter(({ name }) => name !== '' && !name.includes(HOLE) && !name.includes('{{'))
    .map((one) => ({ ...one, name: manager === 'dpkg' ? one.name.replace(/[=/].*$/, '') : one.name }));
  if (names.some(({ name }) => name === '*') && state === 'latest') {
    return [...made, { ...common, kind: 'upgrade', manager }];
  }
  if (state === 'absent' || state === 'removed')
    return [...made, { ...common, kind: 'remove', manager, packages: names }];
  const without =
    truth(argument(task, 'install_recommends')) === false ||
    staticText(argument(task, 'install_recommends')) === 'no';
  return [
    ...made,
    {
      ...common,
      kind: 'install',
      manager,
      packages: names,
      isDynamic: usesItem && looped.length === 0,
      recommends: manager === 'dpkg' ? !without : null,
      noCache: false,
    },
  ];
}
