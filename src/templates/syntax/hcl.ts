/**
 * The structure of an HCL file: blocks and attributes, whose expressions wait to be evaluated. JSON in HCL's shape
 * (`*.pkr.json`) has the same structure, so what follows does not know which of the two it reads.
 */
import type { Parser } from 'web-tree-sitter';
import { ImgoptError } from '../../core/errors.ts';
import type { Place, SourceFile } from '../text.ts';
import type { Value } from '../value.ts';
import { parseSyntax, type SyntaxFault, type SyntaxNode } from './tree-sitter.ts';

/** An expression that waits for its scope. */
export type Expression =
  | { readonly kind: 'hcl'; readonly file: SourceFile; readonly node: SyntaxNode }
  /** From JSON: strings in it are templates. */
  | { readonly kind: 'json'; readonly value: Value };

export interface RawAttribute {
  readonly name: string;
  /** Name, `=` and expression. */
  readonly place: Place;
  readonly namePlace: Place;
  readonly expression: Expression;
}

export interface RawBlock {
  readonly type: string;
  readonly labels: readonly string[];
  /** The whole of it. */
  readonly place: Place;
  /** Its first line: type and labels. */
  readonly header: Place;
  readonly body: RawBody;
}

export interface RawBody {
  readonly attributes: readonly RawAttribute[];
  readonly blocks: readonly RawBlock[];
}

/** A place where a file is no sentence of its language. */
export interface Broken {
  readonly place: Place;
  readonly message: string;
}

export interface HclFile {
  readonly file: SourceFile;
  readonly body: RawBody;
  readonly broken: readonly Broken[];
}

/** Tokens that end something: what lacks one is told of where it begins. */
const ENDS = /_end$|^[)\]}]$|^(?:fi|done|esac)$/;

/** A fault of the grammar in words, and where to look. */
export function faultOf(fault: SyntaxFault, text: string): { start: number; end: number; message: string } {
  const { start, end, missing, opened } = fault;
  if (missing !== null && ENDS.test(missing)) {
    const feed = text.indexOf('\n', opened);
    return { start: opened, end: feed < 0 ? text.length : feed, message: 'what begins here does not end' };
  }
  if (missing !== null) return { start, end, message: `expected ${missing.replaceAll('_', ' ')}` };
  const found = text
    .slice(start, Math.min(end, start + 24))
    .split('\n')[0]!
    .trim();
  const from = found === '' ? 'from here on' : `from ${JSON.stringify(found)} on`;
  return { start, end, message: `cannot be read ${from}` };
}

/** Parses HCL; what is broken is told and the rest is there. */
export function parseHcl(parser: Parser, file: SourceFile): HclFile {
  const { root, errors } = parseSyntax(parser, file.text);
  const body = root.children.find((node) => node.type === 'body');
  return {
    file,
    body: body === undefined ? { attributes: [], blocks: [] } : toBody(file, body),
    broken: errors.map((error) => {
      const { start, end, message } = faultOf(error, file.text);
      return { place: file.place(start, end), message };
    }),
  };
}

function toBody(file: SourceFile, node: SyntaxNode): RawBody {
  const attributes: RawAttribute[] = [];
  const blocks: RawBlock[] = [];
  for (const child of node.children) {
    if (child.type === 'attribute') {
      const [name, , expression] = child.children;
      if (name?.type !== 'identifier' || expression?.type !== 'expression') continue;
      attributes.push({
        name: file.text.slice(name.start, name.end),
        place: file.place(child.start, child.end),
        namePlace: file.place(name.start, name.end),
        expression: { kind: 'hcl', file, node: expression },
      });
    } else if (child.type === 'block') {
      const [type, ...rest] = child.children;
      if (type?.type !== 'identifier') continue;
      const labels = rest
        .filter((one) => one.type === 'string_lit' || one.type === 'identifier')
        .map((one) => file.text.slice(one.start, one.end).replace(/^"|"$/g, ''));
      const start = rest.find((one) => one.type === 'block_start');
      const body = rest.find((one) => one.type === 'body');
      blocks.push({
        type: file.text.slice(type.start, type.end),
        labels,
        place: file.place(child.start, child.end),
        header: file.place(child.start, start?.start ?? child.end),
        body: body === undefined ? { attributes: [], blocks: [] } : toBody(file, body),
      });
    }
  }
  return { attributes, blocks };
}

const WRAP = 'x = <<IMGOPT_END_OF_TEMPLATE\n';

/**
 * Text with `${…}` in it (a file for `templatefile`, a string of a JSON template) as an expression: HCL reads it like
 * a heredoc. Places are those of `file`.
 * @throws ImgoptError `unsupported` where it is no template
 */
export function parseTemplateText(parser: Parser, file: SourceFile): Expression {
  const { root, errors } = parseSyntax(parser, `${WRAP}${file.text}\nIMGOPT_END_OF_TEMPLATE\n`);
  const attribute = root.children.find((node) => node.type === 'body')?.children[0];
  const expression = attribute?.children[2];
  if (errors.length > 0 || expression === undefined) {
    throw new ImgoptError('unsupported', 'TEMPLATE_SYNTAX', 'is no template');
  }
  const shift = (node: SyntaxNode): SyntaxNode => ({
    ...node,
    start: node.start - WRAP.length,
    end: node.end - WRAP.length,
    children: node.children.map(shift),
  });
  return { kind: 'hcl', file, node: shift(expression) };
}

/** How many labels a block of Packer's has, as JSON nests them. */
const LABELS: Record<string, number> = {
  variable: 1,
  local: 1,
  source: 2,
  data: 2,
  provisioner: 1,
  'error-cleanup-provisioner': 1,
  'post-processor': 1,
};
const BLOCKS = new Set([
  ...Object.keys(LABELS),
  'packer',
  'required_plugins',
  'variables',
  'locals',
  'build',
  'post-processors',
  'hcp_packer_registry',
]);

/** The structure of a `*.pkr.json`: objects under the names of Packer's blocks are blocks, their keys labels. */
export function bodyFromJson(value: Value, depth = 0): RawBody {
  const attributes: RawAttribute[] = [];
  const blocks: RawBlock[] = [];
  if (value.kind !== 'object') return { attributes, blocks };
  for (const { key, keyPlace, value: inner } of value.entries) {
    const { file } = keyPlace;
    if (BLOCKS.has(key) && depth < 4) {
      const add = (one: Value, labels: readonly string[], left: number, header: Place): void => {
        if (one.kind === 'list') for (const item of one.items) add(item, labels, left, header);
        else if (one.kind !== 'object') return;
        else if (left > 0) {
          for (const entry of one.entries) add(entry.value, [...labels, entry.key], left - 1, entry.keyPlace);
        } else {
          const body = bodyFromJson(one, depth + 1);
          blocks.push({ type: key, labels, place: one.place, header, body });
        }
      };
      // `source "type.name"` inside of a build has one label.
      add(inner, [], key === 'source' && depth > 0 ? 1 : (LABELS[key] ?? 0), keyPlace);
      continue;
    }
    attributes.push({
      name: key,
      place: file.place(keyPlace.start, inner.place.end),
      namePlace: keyPlace,
      expression: { kind: 'json', value: inner },
    });
  }
  return { attributes, blocks };
}
