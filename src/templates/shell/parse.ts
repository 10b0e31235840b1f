/**
 * From tree-sitter's tree of a script to ours.
 *
 * The grammar's own nesting of `|`, `&&` and `||` is not to be relied upon (`a | b || c | d` comes as a pipeline that
 * ends in a list), and precedence is the very thing that one rule is about. So chains are flattened to members and
 * operators, and put together again as POSIX says: `|` binds tighter than `&&` and `||`, and those two bind alike.
 */
import type { Parser } from 'web-tree-sitter';
import { faultOf } from '../syntax/hcl.ts';
import { parseSyntax, type SyntaxNode } from '../syntax/tree-sitter.ts';
import type {
  AndOr,
  Assignment,
  Command,
  Compound,
  List,
  Node,
  Pipeline,
  Redirect,
  Word,
  WordPart,
} from './syntax.ts';

export interface ParsedShell {
  readonly body: List;
  readonly broken: readonly { readonly start: number; readonly end: number; readonly message: string }[];
}

/** @throws ImgoptError `unsupported` for nesting or sizes beyond our bounds */
export function parseShell(parser: Parser, text: string): ParsedShell {
  const { root, errors } = parseSyntax(parser, text);
  const reader = new Reader(text);
  return {
    body: reader.list(root.children),
    broken: errors.map((error) => faultOf(error, text)),
  };
}

/** A chain in the making: what stands between `|`, `&&` and `||`. */
interface Chain {
  members: Node[];
  operators: string[];
  negated: Set<number>;
}

const SEPARATORS = new Set([
  ';',
  '&',
  ';;',
  ';&',
  ';;&',
  '\n',
  'then',
  'do',
  'done',
  'fi',
  'else',
  '{',
  '}',
  '(',
  ')',
]);
const REDIRECTS = new Set(['file_redirect', 'heredoc_redirect', 'herestring_redirect']);
const WORDS = new Set([
  'word',
  'string',
  'raw_string',
  'ansi_c_string',
  'translated_string',
  'number',
  'concatenation',
  'simple_expansion',
  'expansion',
  'command_substitution',
  'process_substitution',
  'arithmetic_expansion',
  'brace_expression',
  'regex',
  'extglob_pattern',
  'test_operator',
  'special_variable_name',
  'variable_name',
]);

class Reader {
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** Statements one after the other. */
  list(nodes: readonly SyntaxNode[]): List {
    const result: AndOr[] = [];
    for (const node of nodes) {
      if (node.isNamed && node.type !== 'comment' && !SEPARATORS.has(node.type))
        result.push(...this.statement(node));
    }
    return result;
  }

  private statement(node: SyntaxNode): AndOr[] {
    // What could not be parsed still holds statements that could.
    if (node.type === 'ERROR') return [...this.list(node.children)];
    const chain: Chain = { members: [], operators: [], negated: new Set() };
    this.chain(node, chain);
    return chain.members.length === 0 ? [] : [assemble(chain)];
  }

  private chain(node: SyntaxNode, into: Chain): void {
    switch (node.type) {
      case 'pipeline':
      case 'list':
        this.links(node.children, into);
        return;
      case 'negated_command': {
        into.negated.add(into.members.length);
        const inner = node.children.find((one) => one.isNamed);
        if (inner !== undefined) this.chain(inner, into);
        return;
      }
      case 'redirected_statement': {
        const [body] = node.children;
        const plain = body !== undefined && !REDIRECTS.has(body.type);
        const before = into.members.length;
        if (plain) this.chain(body, into);
        if (into.members.length === before) into.members.push(emptyCommand(node));
        for (const child of plain ? node.children.slice(1) : node.children) this.redirect(child, into);
        return;
      }
      default:
        into.members.push(this.node(node));
    }
  }

  private links(children: readonly SyntaxNode[], into: Chain): void {
    for (const child of children) {
      if (child.type === 'comment') continue;
      if (child.type === '|' || child.type === '|&' || child.type === '&&' || child.type === '||') {
        into.operators.push(child.type);
      } else if (child.isNamed) this.chain(child, into);
    }
  }

  /** Adds a redirection to the last member; what follows a here-document on its line goes on with the chain. */
  private redirect(node: SyntaxNode, into: Chain): void {
    if (node.type !== 'heredoc_redirect') {
      const last = into.members.at(-1)!;
      const redirect = this.simpleRedirect(node);
      if (redirect !== undefined) {
        into.members[into.members.length - 1] = { ...last, redirects: [...last.redirects, redirect] };
      }
      return;
    }
    const find = (type: string) => node.children.find((one) => one.type === type);
    const operator = node.children.find((one) => one.type === '<<' || one.type === '<<-');
    const start = find('heredoc_start');
    const body = find('heredoc_body');
    const end = find('heredoc_end');
    const from = body?.start ?? end?.start ?? node.end;
    const redirect: Redirect = {
      operator: operator?.type ?? '<<',
      target: null,
      body: {
        start: from,
        end: Math.max(from, end?.start ?? node.end),
        isLiteral: start !== undefined && /['"\\]/.test(this.text.slice(start.start, start.end)),
      },
      start: node.start,
      end: start?.end ?? node.end,
    };
    const last = into.members.at(-1)!;
    into.members[into.members.length - 1] = { ...last, redirects: [...last.redirects, redirect] };
    for (const child of node.children) {
      if (REDIRECTS.has(child.type)) this.redirect(child, into);
      else if (child.type === '&&' || child.type === '||') into.operators.push(child.type);
      else if (child.type === 'pipeline' || child.type === 'list') this.links(child.children, into);
      else if (child.isNamed && !child.type.startsWith('heredoc_')) this.chain(child, into);
    }
  }

  private simpleRedirect(node: SyntaxNode): Redirect | undefined {
    if (!REDIRECTS.has(node.type)) return undefined;
    const operator = node.children.find((one) => !one.isNamed)?.type ?? '>';
    const target = node.children.findLast((one) => WORDS.has(one.type));
    return {
      operator,
      target: target === undefined ? null : this.word(target),
      body: null,
      start: node.start,
      end: node.end,
    };
  }

  private node(node: SyntaxNode): Node {
    switch (node.type) {
      case 'command':
      case 'declaration_command':
      case 'unset_command':
        return this.command(node);
      case 'variable_assignment':
      case 'variable_assignments':
        return {
          ...emptyCommand(node),
          assignments:
            node.type === 'variable_assignment'
              ? [this.assignment(node)]
              : node.children
                  .filter((one) => one.type === 'variable_assignment')
                  .map((one) => this.assignment(one)),
        };
      default:
        return this.compound(node);
    }
  }

  private command(node: SyntaxNode): Command {
    const words: Word[] = [];
    const assignments: Assignment[] = [];
    const redirects: Redirect[] = [];
    for (const child of node.children) {
      if (child.type === 'command_name') {
        const [inner] = child.children;
        words.push(this.word(inner ?? child));
      } else if (child.type === 'variable_assignment') assignments.push(this.assignment(child));
      else if (REDIRECTS.has(child.type)) {
        const redirect = this.simpleRedirect(child);
        if (redirect !== undefined) redirects.push(redirect);
      } else if (WORDS.has(child.type)) this.add(words, this.word(child));
      else if (!child.isNamed && words.length === 0) words.push(this.word(child));
      else if (child.type === '==' || child.type === '=~') words.push(this.word(child));
    }
    return { kind: 'command', assignments, words, redirects, start: node.start, end: node.end };
  }

  /** The grammar parts a word at a backslash and line feed inside of it; the shell does not (POSIX 2.2.1). */
  private add(words: Word[], word: Word): void {
    const last = words.at(-1);
    if (last !== undefined && /^(?:\\\r?\n)+$/.test(this.text.slice(last.end, word.start))) {
      words[words.length - 1] = { start: last.start, end: word.end, parts: [...last.parts, ...word.parts] };
    } else words.push(word);
  }

  private assignment(node: SyntaxNode): Assignment {
    const [name] = node.children;
    const operator = node.children.find((one) => one.type === '=' || one.type === '+=');
    const value = operator === undefined ? undefined : node.children[node.children.indexOf(operator) + 1];
    const isArray = value?.type === 'array';
    return {
      name: name === undefined ? '' : this.text.slice(name.start, name.end),
      values:
        value === undefined
          ? []
          : isArray
            ? value.children.filter((one) => WORDS.has(one.type)).map((one) => this.word(one))
            : [this.word(value)],
      isArray,
      appends: operator?.type === '+=',
      start: node.start,
      end: node.end,
    };
  }

  private compound(node: SyntaxNode): Compound {
    const made = {
      kind: 'compound' as const,
      redirects: [] as readonly Redirect[],
      start: node.start,
      end: node.end,
    };
    const { children } = node;
    switch (node.type) {
      case 'if_statement':
      case 'elif_clause': {
        const then = children.findIndex((one) => one.type === 'then');
        const rest = children.slice(then + 1);
        const clauses = rest.filter((one) => one.type === 'elif_clause').map((one) => this.compound(one));
        const other = rest.find((one) => one.type === 'else_clause');
        const body = rest.filter((one) => one.type !== 'elif_clause' && one.type !== 'else_clause');
        return {
          ...made,
          type: 'if',
          conditions: [this.list(children.slice(0, then)), ...clauses.flatMap((one) => one.conditions)],
          bodies: [
            this.list(body),
            ...clauses.flatMap((one) => one.bodies),
            ...(other === undefined ? [] : [this.list(other.children)]),
          ],
          name: null,
          words: [],
        };
      }
      case 'while_statement': {
        const body = children.find((one) => one.type === 'do_group');
        return {
          ...made,
          type: 'while',
          conditions: [this.list(children.filter((one) => one !== body))],
          bodies: [this.list(body?.children ?? [])],
          name: null,
          words: [],
        };
      }
      case 'for_statement':
      case 'c_style_for_statement': {
        const body = children.find((one) => one.type === 'do_group' || one.type === 'compound_statement');
        const name = children.find((one) => one.type === 'variable_name');
        return {
          ...made,
          type: 'for',
          conditions: [],
          bodies: [this.list(body?.children ?? [])],
          name: name === undefined ? null : this.text.slice(name.start, name.end),
          words:
            node.type === 'for_statement'
              ? children.filter((one) => one !== name && WORDS.has(one.type)).map((one) => this.word(one))
              : [],
        };
      }
      case 'case_statement': {
        const items = children.filter((one) => one.type === 'case_item');
        const inner = items.map((item) => {
          const from = item.children.findIndex((one) => one.type === ')');
          return this.list(item.children.slice(from + 1));
        });
        const words = children.filter((one) => WORDS.has(one.type)).map((one) => this.word(one));
        return { ...made, type: 'case', conditions: [], bodies: inner, name: null, words };
      }
      case 'function_definition': {
        const [name] = children.filter((one) => one.type === 'word');
        const body = children.find((one) => one.isNamed && one !== name && !REDIRECTS.has(one.type));
        return {
          ...made,
          type: 'function',
          conditions: [],
          bodies: [body === undefined ? [] : this.list([body])],
          name: name === undefined ? '' : this.text.slice(name.start, name.end),
          words: [],
        };
      }
      case 'subshell':
        return {
          ...made,
          type: 'subshell',
          conditions: [],
          bodies: [this.list(children)],
          name: null,
          words: [],
        };
      case 'compound_statement':
        if (children[0]?.type === '((') break;
        return {
          ...made,
          type: 'group',
          conditions: [],
          bodies: [this.list(children)],
          name: null,
          words: [],
        };
      case 'test_command':
        break;
      default:
        // Something that the grammar knows and we do not: what it holds is still looked at.
        return {
          ...made,
          type: 'group',
          conditions: [],
          bodies: [this.list(children)],
          name: null,
          words: [],
        };
    }
    return { ...made, type: 'test', conditions: [], bodies: [], name: null, words: this.operands(node) };
  }

  /** The words anywhere below a node. */
  private operands(node: SyntaxNode): Word[] {
    return node.children.flatMap((one) => (WORDS.has(one.type) ? [this.word(one)] : this.operands(one)));
  }

  private word(node: SyntaxNode): Word {
    const parts: WordPart[] = [];
    this.parts(node, false, parts);
    return { start: node.start, end: node.end, parts };
  }

  private parts(node: SyntaxNode, isQuoted: boolean, into: WordPart[]): void {
    const raw = this.text.slice(node.start, node.end);
    switch (node.type) {
      case 'word':
      case 'extglob_pattern':
        into.push({ kind: 'text', text: raw.replace(/\\\n/g, '').replace(/\\(.)/g, '$1'), isQuoted });
        return;
      case 'raw_string':
        into.push({ kind: 'text', text: raw.slice(1, -1), isQuoted: true });
        return;
      case 'ansi_c_string':
        into.push({ kind: 'text', text: ansiText(raw.slice(2, -1)), isQuoted: true });
        return;
      case 'string':
      case 'translated_string':
        this.quoted(node, into);
        return;
      case 'concatenation': {
        for (const child of node.children) this.parts(child, isQuoted, into);
        return;
      }
      case 'simple_expansion':
      case 'expansion':
        this.expansion(node, isQuoted, into);
        return;
      case 'command_substitution':
      case 'process_substitution':
        into.push({
          kind: 'substitution',
          body: this.list(node.children),
          isQuoted,
          start: node.start,
          end: node.end,
        });
        return;
      case 'arithmetic_expansion':
        into.push({ kind: 'variable', name: '', isPlain: false, isQuoted, start: node.start, end: node.end });
        return;
      default:
        into.push({ kind: 'text', text: raw, isQuoted });
    }
  }

  /** Double quotes: what lies between the expansions is text, blanks that the tree leaves out included. */
  private quoted(node: SyntaxNode, into: WordPart[]): void {
    const open =
      node.type === 'translated_string' ? node.children.find((one) => one.type === 'string') : node;
    const children = open?.children ?? [];
    let at = (open?.start ?? node.start) + 1;
    const end = node.end - 1;
    const literal = (to: number): void => {
      const raw = this.text.slice(at, to);
      if (raw !== '') {
        into.push({
          kind: 'text',
          text: raw.replace(/\\\n/g, '').replace(/\\([$`"\\])/g, '$1'),
          isQuoted: true,
        });
      }
    };
    const before = into.length;
    for (const child of children) {
      if (!EXPANSIONS.has(child.type)) continue;
      literal(child.start);
      this.parts(child, true, into);
      at = child.end;
    }
    literal(end);
    if (into.length === before) into.push({ kind: 'text', text: '', isQuoted: true });
  }

  private expansion(node: SyntaxNode, isQuoted: boolean, into: WordPart[]): void {
    const name = node.children.find(
      (one) =>
        one.type === 'variable_name' || one.type === 'special_variable_name' || one.type === 'subscript',
    );
    const symbols = node.children.filter(
      (one) => !one.isNamed && one.type !== '$' && one.type !== '${' && one.type !== '}',
    );
    const named = name?.type === 'subscript' ? name.children[0] : name;
    const subscript = name?.type === 'subscript' ? this.text.slice(name.start, name.end) : '';
    into.push({
      kind: 'variable',
      name: named === undefined ? '' : this.text.slice(named.start, named.end),
      // `${x:?}` is x or nothing at all.
      isPlain:
        symbols.every((one) => one.type === ':?' || one.type === '?') &&
        (subscript === '' || /\[[@*]\]$/.test(subscript)),
      isQuoted,
      start: node.start,
      end: node.end,
    });
    for (const child of node.children) {
      if (child.type === 'command_substitution') this.parts(child, isQuoted, []);
    }
  }
}

const EXPANSIONS = new Set(['simple_expansion', 'expansion', 'command_substitution', 'arithmetic_expansion']);

function ansiText(raw: string): string {
  const simple: Record<string, string> = { n: '\n', t: '\t', r: '\r', "'": "'", '\\': '\\', '"': '"' };
  return raw.replace(/\\(.)/g, (whole, one: string) => simple[one] ?? whole);
}

function emptyCommand(node: SyntaxNode): Command {
  return { kind: 'command', assignments: [], words: [], redirects: [], start: node.start, end: node.end };
}

/** Members and operators as POSIX groups them. */
function assemble(chain: Chain): AndOr {
  const pipelines: Pipeline[] = [];
  const operators: ('&&' | '||')[] = [];
  let members: Node[] = [];
  let isNegated = false;
  const close = (): void => {
    const first = members[0];
    const last = members.at(-1);
    if (first !== undefined && last !== undefined) {
      pipelines.push({ members, isNegated, start: first.start, end: endOf(last) });
    }
    members = [];
    isNegated = false;
  };
  for (const [index, member] of chain.members.entries()) {
    const operator = index === 0 ? undefined : chain.operators[index - 1];
    if (operator === '&&' || operator === '||') {
      close();
      operators.push(operator);
    }
    if (members.length === 0 && chain.negated.has(index)) isNegated = true;
    members.push(member);
  }
  close();
  return { pipelines, operators, start: pipelines[0]!.start, end: pipelines.at(-1)!.end };
}

/** Where a node ends on its own line: here-documents end further down. */
function endOf(node: Node): number {
  return Math.max(node.end, ...node.redirects.map((one) => one.end));
}
