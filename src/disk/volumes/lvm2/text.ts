/**
 * LVM's configuration text (lib/config, lvm.conf(5)): `key = value` and `name { … }`, where a value is a number, a
 * string or a list of them, and `#` begins a comment. Depth is bounded, and so is the text by whoever reads it.
 */
import { corrupt } from '../../../core/errors.ts';
import { MAX_LVM_TEXT_DEPTH } from '../../../core/limits.ts';
import { escapeName } from '../../../core/text.ts';

export type Scalar = string | number;
export type Value = Scalar | readonly Scalar[] | Section;

/** A section with typed ways to its entries. Every failure says where in the text the section begins. */
export class Section {
  readonly name: string;
  private readonly at: number;
  private readonly entries = new Map<string, Value>();

  constructor(name: string, at: number) {
    this.name = name;
    this.at = at;
  }

  set(key: string, value: Value): void {
    if (this.entries.has(key)) throw this.wrong(`has ${escapeName(key)} twice`);
    this.entries.set(key, value);
  }

  wrong(what: string): Error {
    return corrupt(
      'LVM2_METADATA',
      `the section '${escapeName(this.name)}' at byte ${this.at} of the metadata ${what}`,
    );
  }

  /** A whole number from 0 on. */
  number(key: string): number {
    const value = this.entries.get(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw this.wrong(`has no sound number ${key}`);
    return value;
  }

  string(key: string): string {
    const value = this.entries.get(key);
    if (typeof value !== 'string') throw this.wrong(`has no text ${key}`);
    return value;
  }

  /** Empty when it is not there. */
  list(key: string): readonly Scalar[] {
    const value = this.entries.get(key);
    return Array.isArray(value) ? (value as readonly Scalar[]) : [];
  }

  section(key: string): Section | undefined {
    const value = this.entries.get(key);
    return value instanceof Section ? value : undefined;
  }

  /** In the order of the text. */
  sections(): Section[] {
    return [...this.entries.values()].filter((value) => value instanceof Section);
  }

  /** Every text in it, in lists too, with its key; not in sections within. */
  *strings(): Generator<[key: string, value: string]> {
    for (const [key, value] of this.entries) {
      for (const one of Array.isArray(value) ? (value as readonly Scalar[]) : [value])
        if (typeof one === 'string') yield [key, one];
    }
  }
}

const BLANK = /(?:[ \t\r\n]|#[^\n]*)*/y;
const KEY = /[A-Za-z0-9+_.\-/]+/y;
const NUMBER = /[+-]?[0-9]+(?:\.[0-9]*)?/y;
const STRING = /"((?:[^"\\]|\\.)*)"/sy;

/** @param text Latin-1, so that positions are bytes; ends at its first NUL */
export function parseText(text: string): Section {
  const end = text.indexOf('\0');
  const parser = new Parser(end < 0 ? text : text.slice(0, end));
  return parser.sectionBody('metadata', 0, 0);
}

class Parser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Up to its closing brace, or to the end of the text at the top. */
  sectionBody(name: string, begun: number, depth: number): Section {
    if (depth > MAX_LVM_TEXT_DEPTH) throw this.broken(`has sections in over ${MAX_LVM_TEXT_DEPTH} levels`);
    const section = new Section(name, begun);
    for (;;) {
      this.take(BLANK);
      if (this.at === this.text.length) {
        if (depth > 0) throw this.broken(`ends inside of the section '${escapeName(name)}'`);
        return section;
      }
      if (depth > 0 && this.is('}')) return section;
      const at = this.at;
      const key = this.take(KEY)?.[0] ?? this.string();
      if (key === undefined) throw this.broken('has no name');
      this.take(BLANK);
      if (this.is('{')) section.set(key, this.sectionBody(key, at, depth + 1));
      else if (this.is('=')) section.set(key, this.value());
      else throw this.broken("has neither '=' nor '{'");
    }
  }

  private value(): Value {
    this.take(BLANK);
    if (!this.is('[')) return this.scalar();
    const list: Scalar[] = [];
    for (;;) {
      this.take(BLANK);
      if (this.is(']')) return list;
      list.push(this.scalar());
      this.take(BLANK);
      if (!this.is(',') && this.text[this.at] !== ']') throw this.broken("has neither ',' nor ']'");
    }
  }

  private scalar(): Scalar {
    const number = this.take(NUMBER);
    if (number !== null) return Number(number[0]);
    const string = this.string();
    if (string === undefined) throw this.broken('has no value');
    return string;
  }

  private string(): string | undefined {
    const quoted = this.take(STRING)?.[1];
    return quoted?.replace(/\\(.)/gs, '$1');
  }

  private is(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  private broken(what: string): Error {
    return corrupt('LVM2_METADATA', `the metadata's text ${what} at byte ${this.at}`);
  }
}
