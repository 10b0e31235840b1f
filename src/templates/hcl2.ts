/**
 * HCL2 templates: all `*.pkr.hcl` and `*.pkr.json` of a folder are one configuration, as `packer build FOLDER` takes
 * them. Variables count as `*.auto.pkrvars.hcl` or the files that are named give them, else as their defaults.
 */
import { basename } from 'node:path';
import type { Parser } from 'web-tree-sitter';
import { ImgoptError } from '../core/errors.ts';
import { evaluate, pairsOf } from './evaluate.ts';
import type { LintFiles } from './files.ts';
import {
  Block,
  type Build,
  type Plugin,
  type Provisioner,
  type Setting,
  type Source,
  type Template,
  type Variable,
} from './model.ts';
import { Budget, extended, type Scope, type TemplateHost } from './scope.ts';
import {
  type Broken,
  bodyFromJson,
  type Expression,
  parseHcl,
  parseTemplateText,
  type RawAttribute,
  type RawBlock,
  type RawBody,
} from './syntax/hcl.ts';
import { parseJson, SyntaxProblem } from './syntax/json.ts';
import { SourceFile } from './text.ts';
import { dynamic, entryOf, isStatic, itemsOf, madeString, staticText, truth, type Value } from './value.ts';

export interface Hcl2Result {
  readonly template: Template;
  readonly broken: readonly Broken[];
}

/** Relative paths in expressions are looked for from these folders, in order. */
export interface Hcl2Options {
  readonly folder: string;
  readonly searchFolders: readonly string[];
  readonly variableFiles: readonly SourceFile[];
}

/** Reads the files of one configuration. @throws ImgoptError `unsupported` when its expressions make too much */
export function readHcl2(
  parser: Parser,
  files: LintFiles,
  sources: readonly SourceFile[],
  options: Hcl2Options,
): Hcl2Result {
  return new Reader(parser, files, options).read(sources);
}

/** Where a value comes from that stands in no file. */
const PLACELESS = new SourceFile('', '');

class Reader {
  private readonly parser: Parser;
  private readonly files: LintFiles;
  private readonly options: Hcl2Options;
  private readonly broken: Broken[] = [];
  private readonly variables = new Map<string, { raw: RawBlock | null; given: RawAttribute | null }>();
  private readonly locals = new Map<string, RawAttribute>();
  private readonly known = new Map<string, Value>();
  private readonly scope: Scope;

  constructor(parser: Parser, files: LintFiles, options: Hcl2Options) {
    this.parser = parser;
    this.files = files;
    this.options = options;
    const host: TemplateHost = {
      readFile: (path) => this.readBeside(path),
      template: (file) => this.templateOf(file),
    };
    this.scope = { host, budget: new Budget(), lookup: (root, name) => this.lookup(root, name) };
  }

  private readBeside(path: string): SourceFile | undefined {
    if (path.startsWith('/')) return this.files.tryRead(path);
    for (const folder of ['.', ...this.options.searchFolders]) {
      const found = this.files.tryRead(folder === '.' ? path : `${folder}/${path}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private templateOf(file: SourceFile): Expression | undefined {
    try {
      return parseTemplateText(this.parser, file);
    } catch (error) {
      if (error instanceof ImgoptError) return undefined;
      throw error;
    }
  }

  private lookup(root: string, name: string | undefined): Value | undefined {
    if (name === undefined) return undefined;
    if (root === 'path') {
      return name === 'root' || name === 'cwd'
        ? madeString(name === 'root' ? this.options.folder : '.', PLACELESS.place(0, 0))
        : undefined;
    }
    if (root !== 'var' && root !== 'local') return undefined;
    const key = `${root}.${name}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const expression = root === 'var' ? this.variableExpression(name) : this.locals.get(name);
    if (expression === undefined) return undefined;
    // A cycle finds this in place of itself.
    this.known.set(key, dynamic(expression.place));
    const value = this.scope.budget.nested(expression.place, () =>
      evaluate(expression.expression, this.scope),
    );
    this.known.set(key, value);
    return value;
  }

  private variableExpression(name: string): RawAttribute | undefined {
    const variable = this.variables.get(name);
    return variable?.given ?? variable?.raw?.body.attributes.find((one) => one.name === 'default');
  }

  read(sources: readonly SourceFile[]): Hcl2Result {
    const blocks: RawBlock[] = [];
    for (const file of sources) blocks.push(...(this.parse(file)?.blocks ?? []));
    for (const block of blocks) {
      if (block.type === 'variable' && block.labels[0] !== undefined) {
        this.variables.set(block.labels[0], { raw: block, given: null });
      } else if (block.type === 'locals') {
        for (const one of block.body.attributes) this.locals.set(one.name, one);
      } else if (block.type === 'local' && block.labels[0] !== undefined) {
        const expression = block.body.attributes.find((one) => one.name === 'expression');
        if (expression !== undefined) this.locals.set(block.labels[0], expression);
      }
    }
    for (const file of this.options.variableFiles) {
      for (const given of this.parse(file)?.attributes ?? []) {
        const variable = this.variables.get(given.name);
        if (variable !== undefined) this.variables.set(given.name, { ...variable, given });
      }
    }
    const all = blocks.filter((one) => one.type === 'source').map((one) => this.block(one, this.scope));
    const found = all.map(
      (block): Source => ({
        type: block.labels[0] ?? '',
        name: block.labels[1] ?? '',
        block,
        overrides: null,
      }),
    );
    const template: Template = {
      language: 'hcl2',
      files: sources,
      folder: this.options.folder,
      sources: found,
      builds: blocks.filter((one) => one.type === 'build').map((one) => this.build(one, found)),
      variables: [...this.variables].flatMap(([name, { raw }]) =>
        raw === null ? [] : [this.variable(name, raw)],
      ),
      locals: [...this.locals].map(([name, raw]) => ({
        name,
        place: raw.place,
        namePlace: raw.namePlace,
        value: this.lookup('local', name) ?? dynamic(raw.place),
      })),
      plugins: this.plugins(blocks),
    };
    return { template, broken: this.broken };
  }

  private parse(file: SourceFile): RawBody | undefined {
    if (basename(file.path).endsWith('.json')) {
      try {
        return bodyFromJson(parseJson(file));
      } catch (error) {
        if (!(error instanceof SyntaxProblem)) throw error;
        this.broken.push({ place: file.place(error.offset, error.offset), message: error.message });
        return undefined;
      }
    }
    const parsed = parseHcl(this.parser, file);
    this.broken.push(...parsed.broken);
    return parsed.body;
  }

  private variable(name: string, raw: RawBlock): Variable {
    const sensitive = raw.body.attributes.find((one) => one.name === 'sensitive');
    return {
      name,
      place: raw.place,
      value: this.lookup('var', name),
      isSensitive: sensitive !== undefined && truth(evaluate(sensitive.expression, this.scope)) === true,
    };
  }

  private setting(raw: RawAttribute, scope: Scope): Setting {
    const value = evaluate(raw.expression, scope);
    return { name: raw.name, place: raw.place, namePlace: raw.namePlace, value };
  }

  private block(raw: RawBlock, scope: Scope): Block {
    return new Block({
      type: raw.type,
      labels: raw.labels,
      place: raw.place,
      header: raw.header,
      settings: raw.body.attributes.map((one) => this.setting(one, scope)),
      blocks: raw.body.blocks.flatMap((one) =>
        one.type === 'dynamic' ? this.dynamicBlocks(one, scope) : [this.block(one, scope)],
      ),
    });
  }

  /** One block for each item; one with an unknown iterator where the items are not known. */
  private dynamicBlocks(raw: RawBlock, scope: Scope): Block[] {
    const type = raw.labels[0] ?? '';
    const over = raw.body.attributes.find((one) => one.name === 'for_each');
    const content = raw.body.blocks.find((one) => one.type === 'content');
    if (over === undefined || content === undefined) return [];
    const iterator = raw.body.attributes.find((one) => one.name === 'iterator');
    const name =
      iterator?.expression.kind === 'hcl'
        ? iterator.expression.file.text.slice(iterator.expression.node.start, iterator.expression.node.end)
        : type;
    const labels = raw.body.attributes.find((one) => one.name === 'labels');
    const make = (names: ReadonlyMap<string, Value>): Block => {
      const inner = extended(scope, names);
      const made = this.block(content, inner);
      const given = labels === undefined ? [] : itemsOf(evaluate(labels.expression, inner));
      return new Block({
        ...made,
        type,
        labels: given.map((one) => staticText(one) ?? ''),
        header: raw.header,
      });
    };
    const items = pairsOf(evaluate(over.expression, scope));
    if (items === undefined) return [make(new Map([[name, dynamic(raw.place)]]))];
    scope.budget.spend(items.length);
    return items.map(([key, value]) => {
      const entries = [
        { key: 'key', keyPlace: raw.place, value: key },
        { key: 'value', keyPlace: raw.place, value },
      ];
      return make(new Map<string, Value>([[name, { kind: 'object', place: raw.place, entries }]]));
    });
  }

  private build(raw: RawBlock, sources: readonly Source[]): Build {
    const block = this.block(raw, this.scope);
    const found: Source[] = [];
    let hasDynamicSources = false;
    const add = (reference: string, overrides: Block | null): void => {
      const [type, name] = reference.replace(/^source\./, '').split('.');
      const source = sources.find((one) => one.type === type && one.name === name);
      if (source !== undefined) found.push({ ...source, overrides });
      else hasDynamicSources = true;
    };
    const listed = block.setting('sources');
    if (listed !== undefined) {
      const items = itemsOf(listed.value);
      if (!isStatic(listed.value)) hasDynamicSources = true;
      for (const item of items) {
        const reference = staticText(item);
        if (reference !== undefined) add(reference, null);
      }
    }
    for (const one of block.blocks) {
      if (one.type === 'source') add(one.labels.join('.'), one);
    }
    return {
      name: staticText(block.value('name')) ?? null,
      place: block.place,
      header: block.header,
      // A list that is only known to the build may name any of them.
      sources: hasDynamicSources && found.length === 0 ? sources : found,
      hasDynamicSources,
      provisioners: block.blocks
        .filter((one) => one.type === 'provisioner')
        .map((one): Provisioner => ({ type: one.labels[0] ?? '', block: one })),
      postProcessors: block.blocks.flatMap((one) =>
        one.type === 'post-processor'
          ? [[one]]
          : one.type === 'post-processors'
            ? [one.blocks.filter((inner) => inner.type === 'post-processor')]
            : [],
      ),
    };
  }

  private plugins(blocks: readonly RawBlock[]): Plugin[] | null {
    const required = blocks
      .filter((one) => one.type === 'packer')
      .flatMap((one) => one.body.blocks)
      .filter((one) => one.type === 'required_plugins');
    if (required.length === 0) return null;
    return required.flatMap((one) =>
      one.body.attributes.map((attribute): Plugin => {
        const value = evaluate(attribute.expression, this.scope);
        return { name: attribute.name, place: attribute.place, version: entryOf(value, 'version')?.value };
      }),
    );
  }
}
