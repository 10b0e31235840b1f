/**
 * The grammars that lint parses with: tree-sitter's for bash and HCL, as WebAssembly. They are loaded when a file of
 * their kind is first seen, so that other commands do not pay for them. Trees live in WebAssembly's memory; each is
 * turned into ours by one walk and given back at once.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Node, Parser } from 'web-tree-sitter';
import { ImgoptError } from '../../core/errors.ts';
import { MAX_SYNTAX_DEPTH, MAX_SYNTAX_NODES } from '../../core/limits.ts';

export type GrammarName = 'bash' | 'hcl';

const PACKAGES: Record<GrammarName, string> = {
  bash: 'tree-sitter-bash/tree-sitter-bash.wasm',
  hcl: '@tree-sitter-grammars/tree-sitter-hcl/tree-sitter-hcl.wasm',
};

const { resolve } = createRequire(import.meta.url);

/** The published package carries them in dist/grammars (scripts/grammars.ts); in the sources they are the packages'. */
function grammarPath(name: GrammarName): string {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return resolve(PACKAGES[name]);
  const folder = '/dist/';
  return fileURLToPath(`${here.slice(0, here.lastIndexOf(folder) + folder.length)}grammars/${name}.wasm`);
}

type Runtime = typeof import('web-tree-sitter');

let runtime: Promise<Runtime> | undefined;
const parsers = new Map<GrammarName, Promise<Parser>>();

async function loadRuntime(): Promise<Runtime> {
  const loaded = await import('web-tree-sitter');
  await loaded.Parser.init({ locateFile: () => resolve('web-tree-sitter/web-tree-sitter.wasm') });
  return loaded;
}

/** A grammar's parser; loaded once. */
export function loadGrammar(name: GrammarName): Promise<Parser> {
  runtime ??= loadRuntime();
  let parser = parsers.get(name);
  if (parser === undefined) {
    parser = (async () => {
      const { Language, Parser } = await runtime;
      const made = new Parser();
      made.setLanguage(await Language.load(await readFile(grammarPath(name))));
      return made;
    })();
    parsers.set(name, parser);
  }
  return parser;
}

/** A node of a tree that has left WebAssembly's memory. Offsets in UTF-16 units. */
export interface SyntaxNode {
  /** The grammar's name of it, or its own text for what has none: `|`, `&&`. */
  readonly type: string;
  readonly isNamed: boolean;
  readonly start: number;
  readonly end: number;
  readonly children: readonly SyntaxNode[];
}

export interface SyntaxTree {
  readonly root: SyntaxNode;
  /** Where the text is no sentence of the grammar, in order; the rest was parsed around it. */
  readonly errors: readonly SyntaxFault[];
}

export interface SyntaxFault {
  readonly start: number;
  readonly end: number;
  /** What should stand here; null for text that fits nowhere. */
  readonly missing: string | null;
  /** Where the construct begins that lacks it. */
  readonly opened: number;
}

/**
 * Parses `text`.
 * @throws ImgoptError `unsupported` for nesting or sizes beyond our bounds
 */
export function parseSyntax(parser: Parser, text: string): SyntaxTree {
  const tree = parser.parse(text);
  if (tree === null) throw new ImgoptError('unsupported', 'TEMPLATE_SYNTAX', 'the parser gave up');
  try {
    const errors: SyntaxFault[] = [];
    const root = copy(tree.rootNode, errors);
    return { root, errors: errors.sort((a, b) => a.start - b.start) };
  } finally {
    tree.delete();
    parser.reset();
  }
}

interface Draft {
  type: string;
  isNamed: boolean;
  start: number;
  end: number;
  children: Draft[];
}

/** One walk with a cursor: a node object for each would double its cost. */
function copy(node: Node, errors: SyntaxFault[]): SyntaxNode {
  const cursor = node.walk();
  try {
    const path: Draft[] = [];
    const draft = (): Draft => {
      const start = cursor.startIndex;
      const end = cursor.endIndex;
      if (cursor.nodeType === 'ERROR') errors.push({ start, end, missing: null, opened: start });
      else if (cursor.nodeIsMissing) {
        errors.push({ start, end, missing: cursor.nodeType, opened: path.at(-1)?.start ?? start });
      }
      return { type: cursor.nodeType, isNamed: cursor.nodeIsNamed, start, end, children: [] };
    };
    const root = draft();
    path.push(root);
    let nodes = 1;
    for (;;) {
      if (cursor.gotoFirstChild()) {
        if (path.length >= MAX_SYNTAX_DEPTH) {
          throw new ImgoptError(
            'unsupported',
            'TEMPLATE_NESTING',
            `more than ${MAX_SYNTAX_DEPTH} constructs inside each other`,
            { advice: 'lint its parts' },
          );
        }
      } else {
        while (!cursor.gotoNextSibling()) {
          if (path.length === 1 || !cursor.gotoParent()) return root;
          path.pop();
        }
        path.pop();
      }
      if (++nodes > MAX_SYNTAX_NODES) {
        throw new ImgoptError('unsupported', 'TEMPLATE_SIZE', `more than ${MAX_SYNTAX_NODES} syntax nodes`);
      }
      const one = draft();
      path.at(-1)!.children.push(one);
      path.push(one);
    }
  } finally {
    cursor.delete();
  }
}
