/**
 * Evaluates HCL expressions as far as they are static.
 *
 * A variable counts as its default (or what a variables file gives), a local as its expression; environment, data
 * sources and what a builder tells are dynamic. A conditional that hangs on something dynamic is a choice of both
 * branches. Everything made counts against one budget, so that a `for` inside a `for` cannot fill the memory.
 * Functions: HCL2's in Packer that are pure and common in templates; any other is dynamic.
 */
import { callFunction } from './functions.ts';
import { calculate } from './operators.ts';
import { extended, type Scope } from './scope.ts';
import type { Expression } from './syntax/hcl.ts';
import type { SyntaxNode } from './syntax/tree-sitter.ts';
import { HOLE, MappedText, type Place, SourceFile } from './text.ts';
import {
  choiceOf,
  dynamic,
  type Entry,
  listValue,
  madeString,
  optionsOf,
  staticText,
  stringValue,
  toText,
  truth,
  type Value,
} from './value.ts';

/** The value of an expression in a scope. @throws ImgoptError `unsupported` when it makes too much */
export function evaluate(expression: Expression, scope: Scope): Value {
  if (expression.kind === 'json') return evaluateJson(expression.value, scope);
  return new Evaluator(expression.file, scope).expression(expression.node);
}

/** Strings of a JSON template are templates themselves. */
function evaluateJson(value: Value, scope: Scope): Value {
  switch (value.kind) {
    case 'string': {
      const { text } = value.text;
      if (!text.includes('${') && !text.includes('%{')) return value;
      const expression = scope.host.template(new JsonText(value.place, text));
      if (expression === undefined) return dynamic(value.place);
      const made = evaluate(expression, scope);
      if (made.kind !== 'string') return { ...made, place: value.place };
      return madeString(made.text.text, value.place);
    }
    case 'list':
      scope.budget.spend(value.items.length);
      return { ...value, items: value.items.map((one) => evaluateJson(one, scope)) };
    case 'object':
      scope.budget.spend(value.entries.length);
      return {
        ...value,
        entries: value.entries.map((entry) => ({ ...entry, value: evaluateJson(entry.value, scope) })),
      };
    default:
      return value;
  }
}

/** A string of a JSON template as a file for the parser; whatever lies in it came from the whole string. */
class JsonText extends SourceFile {
  private readonly whole: Place;
  constructor(whole: Place, text: string) {
    super(whole.file.path, text);
    this.whole = whole;
  }
  override place(_start: number, _end: number): Place {
    return this.whole;
  }
  override mapped(start: number, end: number): MappedText {
    return MappedText.made(this.text.slice(start, end), this.whole);
  }
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\' };

class Evaluator {
  private readonly file: SourceFile;
  private readonly scope: Scope;

  constructor(file: SourceFile, scope: Scope) {
    this.file = file;
    this.scope = scope;
  }

  private textOf(node: SyntaxNode): string {
    return this.file.text.slice(node.start, node.end);
  }

  private placeOf(node: SyntaxNode): Place {
    return this.file.place(node.start, node.end);
  }

  expression(node: SyntaxNode): Value {
    if (node.type !== 'expression') return this.operands([node], node);
    return this.operands(
      node.children.filter((one) => one.type !== 'comment'),
      node,
    );
  }

  /** A primary and what follows it: `var.a[0].b`, `f(x).y`, `(…)[*]`. */
  private operands(nodes: readonly SyntaxNode[], whole: SyntaxNode): Value {
    let rest = [...nodes];
    if (rest[0]?.type === '(') {
      const end = rest.findIndex((one) => one.type === ')');
      const inner = rest.slice(1, end).find((one) => one.isNamed);
      if (inner === undefined || end < 0) return dynamic(this.placeOf(whole));
      const value = this.expression(inner);
      return this.postfixes(value, rest.slice(end + 1), whole);
    }
    const [primary, ...others] = rest;
    rest = others;
    if (primary === undefined) return dynamic(this.placeOf(whole));
    if (primary.type === 'variable_expr') {
      const root = this.textOf(primary);
      const [first, ...more] = rest;
      const name = first?.type === 'get_attr' ? this.textOf(first).replace(/^\s*\.\s*/, '') : undefined;
      const found = this.scope.lookup(root, name);
      const place = this.placeOf(whole);
      if (found === undefined) return dynamic(place);
      const takesName = name !== undefined && ROOTS.has(root);
      return this.postfixes(relocate(found, place), takesName ? more : rest, whole);
    }
    return this.postfixes(this.primary(primary), rest, whole);
  }

  private postfixes(value: Value, nodes: readonly SyntaxNode[], whole: SyntaxNode): Value {
    let result = value;
    for (const [index, node] of nodes.entries()) {
      if (result.kind === 'choice') {
        const rest = nodes.slice(index);
        return choiceOf(
          result.options.map((one) => this.postfixes(one, rest, whole)),
          result.place,
        );
      }
      if (node.type === 'get_attr') {
        result = this.pick(
          result,
          madeString(this.textOf(node).replace(/^\s*\.\s*/, ''), this.placeOf(node)),
        );
      } else if (node.type === 'index') {
        const key = node.children[0]?.children.find((one) => one.type === 'expression');
        const legacy = node.children[0]?.type === 'legacy_index' ? /[0-9]+/.exec(this.textOf(node)) : null;
        if (legacy !== null) result = this.pick(result, madeString(legacy[0], this.placeOf(node)));
        else if (key === undefined) return dynamic(this.placeOf(whole));
        else result = this.pick(result, this.expression(key));
      } else if (node.type === 'splat') {
        const inner = node.children[0]?.children.filter((one) => one.isNamed) ?? [];
        if (result.kind !== 'list') return dynamic(this.placeOf(whole));
        return listValue(
          result.items.map((item) => this.postfixes(item, inner, whole)),
          result.place,
        );
      } else {
        return dynamic(this.placeOf(whole));
      }
    }
    return result;
  }

  private pick(from: Value, key: Value): Value {
    const name = staticText(key);
    if (name === undefined) {
      // Any of them.
      if (from.kind === 'list' && from.items.length > 0) return choiceOf(from.items, from.place);
      if (from.kind === 'object' && from.entries.length > 0) {
        return choiceOf(
          from.entries.map((entry) => entry.value),
          from.place,
        );
      }
      return dynamic(from.place);
    }
    if (from.kind === 'list') return from.items[Number(name)] ?? dynamic(from.place);
    if (from.kind === 'object') {
      return from.entries.findLast((entry) => entry.key === name)?.value ?? dynamic(from.place);
    }
    return dynamic(from.place);
  }

  private primary(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    switch (node.type) {
      case 'expression':
        return this.expression(node);
      case 'literal_value':
        return this.literal(node.children[0] ?? node);
      case 'template_expr':
        return this.template(node.children[0] ?? node);
      case 'collection_value':
        return this.collection(node.children[0] ?? node);
      case 'function_call':
        return this.call(node);
      case 'conditional': {
        const [condition, yes, no] = node.children.filter((one) => one.type === 'expression');
        if (condition === undefined || yes === undefined || no === undefined) return dynamic(place);
        const holds = truth(this.expression(condition));
        if (holds !== undefined) return this.expression(holds ? yes : no);
        return choiceOf([...optionsOf(this.expression(yes)), ...optionsOf(this.expression(no))], place);
      }
      case 'operation':
        return this.operation(node.children[0] ?? node);
      case 'for_expr':
        return this.forExpression(node.children[0] ?? node);
      default:
        return dynamic(place);
    }
  }

  private literal(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    switch (node.type) {
      case 'numeric_lit':
        return { kind: 'number', place, number: Number(this.textOf(node)) };
      case 'bool_lit':
        return { kind: 'bool', place, bool: this.textOf(node) === 'true' };
      case 'null_lit':
        return { kind: 'null', place };
      case 'string_lit':
        return stringValue(this.quoted(node), place);
      default:
        return dynamic(place);
    }
  }

  private quoted(node: SyntaxNode): MappedText {
    const inside = node.children.filter(
      (one) => one.type !== 'quoted_template_start' && one.type !== 'quoted_template_end',
    );
    const start = node.children.find((one) => one.type === 'quoted_template_start')?.end ?? node.start + 1;
    const end = node.children.find((one) => one.type === 'quoted_template_end')?.start ?? node.end - 1;
    return this.parts(inside, start, end, true);
  }

  private template(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    if (node.type !== 'heredoc_template') {
      const interpolation = node.children.filter((one) => one.isNamed);
      // `"${x}"` is x itself, whatever its type.
      if (interpolation.length === 3 && interpolation[1]?.type === 'template_interpolation') {
        const [start, only, end] = interpolation;
        const inner = only.children.find((one) => one.type === 'expression');
        if (inner !== undefined && start!.end === only.start && only.end === end!.start) {
          return relocate(this.expression(inner), place);
        }
      }
      return stringValue(this.quoted(node), place);
    }
    const [open, name] = node.children;
    const closing = node.children.at(-1);
    if (open === undefined || name === undefined || closing === undefined) return dynamic(place);
    // A text that was put into a here-document for the parser begins before the text itself, and is all of it.
    const isWhole = open.start < 0;
    const { text: source } = this.file;
    const start = isWhole ? 0 : source.indexOf('\n', name.end) + 1 || name.end;
    const end = isWhole ? source.length : Math.max(start, source.lastIndexOf('\n', closing.start - 1) + 1);
    const inside = node.children.slice(2, -1);
    const text = this.parts(inside, start, end, false);
    return stringValue(this.textOf(open) === '<<-' ? this.withoutIndent(text) : text, place);
  }

  /** `<<-`: the least indentation of its lines leaves all of them. */
  private withoutIndent(text: MappedText): MappedText {
    const lines = text.text.split('\n');
    const widths = lines
      .filter((line) => line.trim() !== '')
      .map((line) => line.length - line.trimStart().length);
    const width = Math.min(...(widths.length === 0 ? [0] : widths.slice(0, 100_000)));
    if (width === 0) return text;
    const parts: MappedText[] = [];
    let at = 0;
    for (const line of lines) {
      const skipped = Math.min(width, line.length - line.trimStart().length);
      parts.push(text.slice(at + skipped, Math.min(text.text.length, at + line.length + 1)));
      at += line.length + 1;
    }
    return MappedText.join(parts);
  }

  /** The text of a template: literals are what lies between `${…}` and `%{…}`. */
  private parts(nodes: readonly SyntaxNode[], start: number, end: number, escapes: boolean): MappedText {
    const parts: MappedText[] = [];
    let at = start;
    let trims = false;
    const literal = (to: number): void => {
      if (to <= at) return;
      let from = at;
      if (trims) from = this.trimmedStart(from, to);
      trims = false;
      parts.push(...this.unescape(from, to, escapes));
    };
    for (const node of nodes) {
      if (node.type !== 'template_interpolation' && node.type !== 'template_directive') continue;
      const raw = this.textOf(node);
      let to = node.start;
      if (raw[2] === '~') to = this.trimmedEnd(at, to);
      literal(to);
      parts.push(
        node.type === 'template_interpolation' ? this.interpolation(node) : this.directive(node, escapes),
      );
      at = node.end;
      trims = raw.at(-2) === '~';
    }
    literal(end);
    const text = parts.length === 0 ? MappedText.empty : MappedText.join(parts);
    this.scope.budget.spend(parts.length, text.text.length);
    return text;
  }

  /** `~}`: blanks go up to the end of the line and with it, as HCL's scanner cuts its literals. */
  private trimmedStart(from: number, to: number): number {
    let at = from;
    while (at < to && /\s/.test(this.file.text[at]!)) if (this.file.text[at++] === '\n') break;
    return at;
  }

  /** `${~`: blanks go back to the beginning of the line. */
  private trimmedEnd(from: number, to: number): number {
    let at = to;
    while (at > from && /[^\S\n]/.test(this.file.text[at - 1]!)) at--;
    return at;
  }

  /** The text between two directives. */
  private between(body: readonly SyntaxNode[], first: number, last: number, escapes: boolean): MappedText {
    const open = body[first]!;
    const close = body[last]!;
    const start = this.textOf(open).at(-2) === '~' ? this.trimmedStart(open.end, close.start) : open.end;
    const end = this.textOf(close)[2] === '~' ? this.trimmedEnd(start, close.start) : close.start;
    return this.parts(body.slice(first + 1, last), start, end, escapes);
  }

  private interpolation(node: SyntaxNode): MappedText {
    const inner = node.children.find((one) => one.type === 'expression');
    const place = this.placeOf(node);
    if (inner === undefined) return MappedText.made(HOLE, place);
    return MappedText.made(toText(this.expression(inner)).text, place);
  }

  private directive(node: SyntaxNode, escapes: boolean): MappedText {
    const place = this.placeOf(node);
    const hole = MappedText.made(HOLE, place);
    const inner = node.children[0];
    if (inner === undefined) return hole;
    const body = inner.children;
    if (inner.type === 'template_if') {
      const intro = body[0]?.children.find((one) => one.type === 'expression');
      const holds = intro === undefined ? undefined : truth(this.expression(intro));
      const other = body.findIndex((one) => one.type === 'template_else_intro');
      const last = body.length - 1;
      const cut = other < 0 ? last : other;
      if (holds === undefined || body[0] === undefined || body[last] === undefined) return hole;
      if (holds) return this.between(body, 0, cut, escapes);
      return other < 0 ? MappedText.empty : this.between(body, other, last, escapes);
    }
    if (inner.type === 'template_for') {
      const intro = body[0];
      const last = body.at(-1);
      if (intro === undefined || last === undefined) return hole;
      const names = intro.children.filter((one) => one.type === 'identifier').map((one) => this.textOf(one));
      const over = intro.children.find((one) => one.type === 'expression');
      const pairs = over === undefined ? undefined : pairsOf(this.expression(over));
      if (pairs === undefined || names.length === 0) return hole;
      const made = pairs.map(([key, value]) => {
        const scope = extended(this.scope, iteration(names, key, value));
        return new Evaluator(this.file, scope).between(body, 0, body.length - 1, escapes);
      });
      return made.length === 0 ? MappedText.empty : MappedText.join(made);
    }
    return hole;
  }

  private unescape(start: number, end: number, escapes: boolean): MappedText[] {
    const { text } = this.file;
    const pattern = escapes ? /\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S])|\$\$\{|%%\{/g : /\$\$\{|%%\{/g;
    const parts: MappedText[] = [];
    let at = start;
    pattern.lastIndex = start;
    for (let match = pattern.exec(text); match !== null && match.index < end; match = pattern.exec(text)) {
      if (match.index > at) parts.push(this.file.mapped(at, match.index));
      const [raw] = match;
      at = match.index + raw.length;
      const code = /^\\[uU]/.test(raw) ? Number.parseInt(raw.slice(2), 16) : -1;
      const made =
        raw[0] !== '\\'
          ? raw.slice(1)
          : code >= 0
            ? code <= 0x10ffff
              ? String.fromCodePoint(code)
              : '\ufffd'
            : (ESCAPES[raw[1]!] ?? raw);
      parts.push(MappedText.made(made, this.file.place(match.index, at)));
    }
    if (end > at) parts.push(this.file.mapped(at, end));
    return parts;
  }

  private collection(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    if (node.type === 'tuple') {
      const items = node.children
        .filter((one) => one.type === 'expression')
        .map((one) => this.expression(one));
      this.scope.budget.spend(items.length);
      return listValue(items, place);
    }
    const entries: Entry[] = [];
    for (const element of node.children) {
      if (element.type !== 'object_elem') continue;
      const [key, value] = element.children.filter((one) => one.type === 'expression');
      if (key === undefined || value === undefined) continue;
      const only = key.children.length === 1 ? key.children[0] : undefined;
      const name =
        only?.type === 'variable_expr' ? this.textOf(only) : (staticText(this.expression(key)) ?? HOLE);
      entries.push({ key: name, keyPlace: this.placeOf(key), value: this.expression(value) });
    }
    this.scope.budget.spend(entries.length);
    return { kind: 'object', place, entries };
  }

  private operation(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    const symbols = node.children.filter((one) => !one.isNamed && one.type !== '(' && one.type !== ')');
    if (node.type === 'unary_operation') {
      const [operator] = symbols;
      const value = this.operands(node.children.slice(1), node);
      if (operator?.type === '!') {
        const holds = truth(value);
        return holds === undefined ? dynamic(place) : { kind: 'bool', place, bool: !holds };
      }
      return value.kind === 'number' ? { kind: 'number', place, number: -value.number } : dynamic(place);
    }
    const middle = node.children.findIndex((one) => OPERATORS.has(one.type));
    if (middle < 0) return dynamic(place);
    const operator = node.children[middle]!.type;
    const left = this.operands(node.children.slice(0, middle), node);
    const right = this.operands(node.children.slice(middle + 1), node);
    return calculate(operator, left, right, place);
  }

  private forExpression(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    const intro = node.children.find((one) => one.type === 'for_intro');
    const over = intro?.children.find((one) => one.type === 'expression');
    if (intro === undefined || over === undefined) return dynamic(place);
    const names = intro.children.filter((one) => one.type === 'identifier').map((one) => this.textOf(one));
    const pairs = pairsOf(this.expression(over));
    if (pairs === undefined) return dynamic(place);
    const results = node.children.filter((one) => one.type === 'expression');
    const condition = node.children
      .find((one) => one.type === 'for_cond')
      ?.children.find((one) => one.type === 'expression');
    this.scope.budget.spend(pairs.length);
    const items: Value[] = [];
    const entries: Entry[] = [];
    for (const [key, value] of pairs) {
      const inner = new Evaluator(this.file, extended(this.scope, iteration(names, key, value)));
      const holds = condition === undefined ? true : truth(inner.expression(condition));
      if (holds === undefined) return dynamic(place);
      if (!holds) continue;
      if (node.type === 'for_tuple_expr') {
        if (results[0] !== undefined) items.push(inner.expression(results[0]));
      } else if (results[0] !== undefined && results[1] !== undefined) {
        const name = staticText(inner.expression(results[0])) ?? HOLE;
        entries.push({ key: name, keyPlace: this.placeOf(results[0]), value: inner.expression(results[1]) });
      }
    }
    return node.type === 'for_tuple_expr' ? listValue(items, place) : { kind: 'object', place, entries };
  }

  private call(node: SyntaxNode): Value {
    const place = this.placeOf(node);
    const name = node.children.find((one) => one.type === 'identifier');
    const list = node.children.find((one) => one.type === 'function_arguments');
    if (name === undefined) return dynamic(place);
    const given = (list?.children ?? [])
      .filter((one) => one.type === 'expression')
      .map((one) => this.expression(one));
    const expands = list?.children.some((one) => this.textOf(one) === '...') === true;
    const last = given.at(-1);
    if (expands && last?.kind !== 'list') return dynamic(place);
    const values = expands && last?.kind === 'list' ? [...given.slice(0, -1), ...last.items] : given;
    return this.lifted(this.textOf(name), values, place);
  }

  /** A function of a choice is a choice of its results. */
  private lifted(name: string, values: readonly Value[], place: Place): Value {
    const at = values.findIndex((one) => one.kind === 'choice');
    const open = values[at];
    if (open?.kind === 'choice') {
      this.scope.budget.spend(open.options.length);
      return choiceOf(
        open.options.map((option) => this.lifted(name, values.with(at, option), place)),
        place,
      );
    }
    if (name === 'file' || name === 'templatefile') return this.fileCall(name, values, place);
    const made = callFunction(name, values, place) ?? dynamic(place);
    if (made.kind === 'string') this.scope.budget.spend(1, made.text.text.length);
    else if (made.kind === 'list') this.scope.budget.spend(made.items.length);
    return made;
  }

  private fileCall(name: string, values: readonly Value[], place: Place): Value {
    const path = staticText(values[0]);
    const file = path === undefined ? undefined : this.scope.host.readFile(path);
    if (file === undefined) return dynamic(place);
    const whole = stringValue(file.mapped(0, file.text.length), place);
    if (name === 'file') return whole;
    const expression = this.scope.host.template(file);
    if (expression === undefined) return dynamic(place);
    const [, variables] = values;
    const names = new Map<string, Value>();
    if (variables?.kind === 'object')
      for (const entry of variables.entries) names.set(entry.key, entry.value);
    return this.scope.budget.nested(place, () => {
      return relocate(evaluate(expression, extended(this.scope, names, true)), place);
    });
  }
}

/** Roots whose first attribute is looked up with them. */
const ROOTS = new Set(['var', 'local', 'path', 'source', 'build', 'data', 'packer']);

const OPERATORS = new Set(['+', '-', '*', '/', '%', '==', '!=', '<', '>', '<=', '>=', '&&', '||']);

/** Scalars take the place where they are used; lists and objects keep theirs, since their items are what matters. */
function relocate(value: Value, place: Place): Value {
  return value.kind === 'list' || value.kind === 'object' || value.kind === 'choice'
    ? value
    : { ...value, place };
}

function iteration(names: readonly string[], key: Value, value: Value): Map<string, Value> {
  const [first, second] = names;
  if (second !== undefined) {
    return new Map([
      [first!, key],
      [second, value],
    ]);
  }
  return new Map(first === undefined ? [] : [[first, value]]);
}

/** What a loop goes over; undefined for what is dynamic. */
export function pairsOf(value: Value): readonly (readonly [Value, Value])[] | undefined {
  if (value.kind === 'list') {
    return value.items.map((item, number) => [{ kind: 'number', place: item.place, number }, item] as const);
  }
  if (value.kind === 'object') {
    return value.entries.map((entry) => [madeString(entry.key, entry.keyPlace), entry.value] as const);
  }
  return undefined;
}
