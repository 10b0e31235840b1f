/**
 * All that one lint run is about: the templates under the paths that were given, and what they call: scripts,
 * playbooks, and the files that installers and first boots read. A folder is searched for templates; without any in
 * it, for scripts, playbooks and seeds. A file is what its name and content say.
 */
import { basename, dirname, join } from 'node:path';
import type { Parser } from 'web-tree-sitter';
import { unsupported, usage } from '../core/errors.ts';
import { MAX_LINT_ENTRIES } from '../core/limits.ts';
import { foldersAbove, isFolder, namesIn, realPath, shownPath } from './files.ts';
import { Findings } from './findings.ts';
import { readHcl2 } from './hcl2.ts';
import { isLegacyTemplate, readLegacy } from './legacy.ts';
import type { Template } from './model.ts';
import type { Plan, Project } from './plan.ts';
import { Planner } from './planner.ts';
import { seedKind } from './seeds.ts';
import { SHELLS } from './shell/script.ts';
import { parseJson, SyntaxProblem } from './syntax/json.ts';
import { loadGrammar } from './syntax/tree-sitter.ts';
import { parseYaml } from './syntax/yaml.ts';
import type { SourceFile } from './text.ts';
import { shellOf, Units } from './units.ts';
import { member, type Value } from './value.ts';

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
  private readonly hcl: Parser;
  private readonly findings = new Findings();
  private readonly units: Units;
  private readonly planner: Planner;
  private readonly variableFiles: readonly SourceFile[];
  private readonly templates: Template[] = [];
  private readonly plans: Plan[] = [];
  private readonly folders = new Set<string>();
  private entries = 0;

  constructor(bash: Parser, hcl: Parser, options: ProjectOptions) {
    this.hcl = hcl;
    this.units = new Units(bash, this.findings);
    this.planner = new Planner(bash, this.findings, this.units);
    this.variableFiles = (options.variableFiles ?? []).map((path) => this.findings.files.read(path));
  }

  load(paths: readonly string[]): Project {
    /** HCL2 files by folder; those that were named, or null for all of them. */
    const groups = new Map<string, Set<string> | null>();
    for (const path of paths) {
      if (isFolder(path)) this.folder(path, groups);
      else this.findings.attempt(path, () => this.single(path, groups));
    }
    for (const [folder, named] of groups) this.group(folder, named);
    if (this.findings.isEmpty) {
      throw usage('LINT_NOTHING', `there is nothing to lint in ${paths.join(', ')}`, {
        advice:
          'name a Packer template (*.pkr.hcl, *.pkr.json, *.json), a script, a playbook, or a folder of these',
      });
    }
    for (const path of this.findings.files.recoded) {
      this.findings.problem('LINT_NOT_UTF8', 'info', 'is not UTF-8; read as Latin-1', null, path);
    }
    return {
      templates: this.templates,
      plans: this.plans,
      scripts: [...this.units.scripts.values()],
      playbooks: [...this.units.playbooks.values()],
      seeds: [...this.units.seeds.values()],
      problems: this.findings.problems,
      files: this.findings.wantedFiles,
      isWanted: (file) => this.findings.isWanted(file),
    };
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
          const file = this.findings.files.tryRead(inner);
          if (file?.text.includes('"builders"') && this.legacy(file, true)) templates++;
        } else scripts.push(inner);
      }
    };
    this.findings.attempt(path, () => walk(path));
    if (templates > 0) return;
    for (const script of scripts) {
      const name = basename(script);
      const isSeedName = /\.(?:ks|cfg|preseed)$|^(?:user-data|preseed)/.test(name);
      if (isScriptName(name) || isSeedName || /\.ya?ml$/.test(name)) {
        this.findings.attempt(script, () => this.loose(script, true));
      }
    }
  }

  private single(path: string, groups: Map<string, Set<string> | null>): void {
    const name = basename(path);
    if (isHcl2(name)) {
      this.findings.files.read(path);
      const folder = dirname(path);
      const named = groups.get(folder);
      if (named === null) return;
      groups.set(folder, (named ?? new Set()).add(name));
    } else if (name.endsWith('.json')) {
      if (!this.legacy(this.findings.files.read(path), false)) {
        throw unsupported('LINT_UNKNOWN', 'is no Packer template: it has no builders', { where: [path] });
      }
    } else this.loose(path, false);
  }

  /** A file that no template calls. */
  private loose(path: string, isFound: boolean): void {
    const file = this.findings.files.read(path);
    const name = basename(path);
    const kind = seedKind(file.text);
    if (kind !== undefined) {
      this.units.seed(kind, file, file.mapped(0, file.text.length));
      return;
    }
    if (/\.ya?ml$/.test(name)) {
      if (this.looksLikePlaybook(file, isFound)) this.units.playbook(file, []);
      else if (!isFound)
        throw unsupported('LINT_UNKNOWN', 'is no playbook and no cloud-config', { where: [path] });
      return;
    }
    const shell = shellOf(file);
    if (shell === undefined ? isScriptName(name) : SHELLS.has(shell)) {
      this.units.scriptFile(file, false, true);
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
      if (!isFound)
        this.findings.broken([{ place: file.place(error.offset, error.offset), message: error.message }]);
      return false;
    }
  }

  /** The HCL2 files of a folder are one configuration. */
  private group(folder: string, named: ReadonlySet<string> | null): void {
    const all = namesIn(folder).filter((one) => !one.isFolder);
    const sources: SourceFile[] = [];
    for (const { name } of all.filter((one) => isHcl2(one.name))) {
      const path = folder === '.' ? name : join(folder, name);
      this.findings.attempt(path, () => {
        const file = this.findings.files.read(path);
        sources.push(file);
        this.findings.look(file);
        if (named !== null && !named.has(name)) this.findings.onlyContext(file);
      });
    }
    const auto = all.filter(({ name }) => /\.auto\.pkrvars\.(?:hcl|json)$/.test(name));
    const variableFiles = auto.flatMap(({ name }) => this.findings.files.tryRead(join(folder, name)) ?? []);
    this.findings.attempt(folder, () => {
      const { template, broken } = readHcl2(this.hcl, this.findings.files, sources, {
        folder,
        searchFolders: [...foldersAbove(join(folder, 'x'), 6)].map(shownPath),
        variableFiles: [...variableFiles, ...this.variableFiles],
      });
      this.findings.brokenFiles(broken);
      this.template(template);
    });
  }

  private legacy(file: SourceFile, isFound: boolean): boolean {
    let root: Value;
    try {
      root = parseJson(file);
    } catch (error) {
      if (!(error instanceof SyntaxProblem)) throw error;
      this.findings.look(file);
      if (isFound && !file.text.includes('"provisioners"')) return false;
      this.findings.broken([{ place: file.place(error.offset, error.offset), message: error.message }]);
      return true;
    }
    if (!isLegacyTemplate(root)) return false;
    this.findings.look(file);
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
    for (const build of template.builds) this.plans.push(this.planner.plan(template, build));
  }
}
