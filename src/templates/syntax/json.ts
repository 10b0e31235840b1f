/**
 * JSON as RFC 8259 has it, with the place of every value: Packer's JSON templates. Node's own parser tells no
 * places.
 */
import { MAX_SYNTAX_DEPTH } from '../../core/limits.ts';
import { MappedText, type SourceFile } from '../text.ts';
import { type Entry, stringValue, type Value } from '../value.ts';

/** What a parser could not read. */
export class SyntaxProblem extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const BLANK = /[ \t\r\n]*/y;
const ESCAPES: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** @throws SyntaxProblem where the text is no JSON */
export function parseJson(file: SourceFile): Value {
  const { text } = file;
  let at = text.startsWith('\ufeff') ? 1 : 0;

  const skip = (): void => {
    BLANK.lastIndex = at;
    BLANK.test(text);
    at = BLANK.lastIndex;
  };
  const fail = (expected: string): never => {
    const found = at >= text.length ? 'the file ends' : `found ${JSON.stringify(text[at])}`;
    throw new SyntaxProblem(`expected ${expected}, but ${found}`, Math.min(at, text.length));
  };

  const string = (): Value => {
    const start = at++;
    const parts: MappedText[] = [];
    let from = at;
    const take = (): void => {
      if (at > from) parts.push(MappedText.of(file.place(from, at)));
    };
    for (;;) {
      const character = text[at];
      if (character === undefined || character === '\n') return fail('the end of the string');
      if (character === '"') {
        take();
        at++;
        return stringValue(
          parts.length === 0 ? MappedText.empty : MappedText.join(parts),
          file.place(start, at),
        );
      }
      if (character !== '\\') {
        at++;
        continue;
      }
      take();
      const letter = text[at + 1];
      const length = letter === 'u' ? 6 : 2;
      const code = text.slice(at + 2, at + 6);
      if (letter === undefined || !'"\\/bfnrtu'.includes(letter)) return fail('an escape sequence');
      if (letter === 'u' && !/^[0-9a-fA-F]{4}$/.test(code)) return fail('four hexadecimal digits');
      const decoded =
        letter === 'u' ? String.fromCharCode(Number.parseInt(code, 16)) : (ESCAPES[letter] ?? letter);
      parts.push(MappedText.made(decoded, file.place(at, at + length)));
      at += length;
      from = at;
    }
  };

  const value = (depth: number): Value => {
    if (depth > MAX_SYNTAX_DEPTH) {
      throw new SyntaxProblem(`more than ${MAX_SYNTAX_DEPTH} values inside each other`, at);
    }
    skip();
    const start = at;
    const character = text[at];
    if (character === '"') return string();
    if (character === '{') {
      at++;
      const entries: Entry[] = [];
      skip();
      if (text[at] === '}') {
        at++;
        return { kind: 'object', place: file.place(start, at), entries };
      }
      for (;;) {
        skip();
        if (text[at] !== '"') return fail('a name in double quotes');
        const key = string();
        skip();
        if (text[at] !== ':') return fail("':'");
        at++;
        entries.push({
          key: key.kind === 'string' ? key.text.text : '',
          keyPlace: key.place,
          value: value(depth + 1),
        });
        skip();
        if (text[at] === '}') break;
        if (text[at] !== ',') return fail("',' or '}'");
        at++;
      }
      at++;
      return { kind: 'object', place: file.place(start, at), entries };
    }
    if (character === '[') {
      at++;
      const items: Value[] = [];
      skip();
      while (text[at] !== ']') {
        items.push(value(depth + 1));
        skip();
        if (text[at] === ']') break;
        if (text[at] !== ',') return fail("',' or ']'");
        at++;
        skip();
        if (text[at] === ']') return fail('a value');
      }
      at++;
      return { kind: 'list', place: file.place(start, at), items };
    }
    for (const [word, made] of WORDS) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return { ...made, place: file.place(start, at) };
      }
    }
    NUMBER.lastIndex = at;
    const match = NUMBER.exec(text);
    if (match === null) return fail('a value');
    at += match[0].length;
    return { kind: 'number', number: Number(match[0]), place: file.place(start, at) };
  };

  const root = value(0);
  skip();
  if (at < text.length) fail('the end of the file');
  return root;
}

const WORDS = [
  ['true', { kind: 'bool', bool: true }],
  ['false', { kind: 'bool', bool: false }],
  ['null', { kind: 'null' }],
] as const;
