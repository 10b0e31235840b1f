/**
 * A shell script as rules see it: the commands that it runs, in order, with arguments as far as they are static.
 *
 * Variables are followed where that is sure: assigned once, outside of conditions, from static text (or an array of
 * it); the variable of a `for` over static words stands for all of them. `sudo`, `env`, `xargs` and their like are
 * looked through, and `sh -c '…'` is a script in the script. Everything else that a run decides is HOLE.
 */
import { basename } from 'node:path/posix';
import type { Parser } from 'web-tree-sitter';
import { HOLE, MappedText, type Place } from '../text.ts';
import { type ParsedShell, parseShell } from './parse.ts';
import type { AndOr, Command, Compound, List, Node, Pipeline, Redirect, Word } from './syntax.ts';

/** One word after expansion. */
export interface Field {
  /** HOLE where it is not known. */
  readonly text: string;
  /** In the script's text. */
  readonly start: number;
  readonly end: number;
}

/** A command with where it stands. */
export interface Invocation {
  readonly script: ShellScript;
  readonly command: Command;
  /** The command that runs in the end, without its folder: of `sudo -E apt-get install x` it is `apt-get`. */
  readonly name: string;
  readonly args: readonly Field[];
  /** Words in front of it that were looked through: `sudo`, `xargs`. */
  readonly prefixes: readonly string[];
  readonly pipeline: Pipeline;
  /** Its place in the pipeline. */
  readonly position: number;
  readonly andOr: AndOr;
  /** Its pipeline's place among those joined by `&&` and `||`. */
  readonly link: number;
  /** Enclosing ifs, loops, cases, functions; outermost first. */
  readonly inside: readonly Compound[];
  /** Redirections of its own and of the compounds around it. */
  readonly redirects: readonly Redirect[];
}

export interface ScriptOptions {
  /** How errors are treated without a word in the script: Packer's inline default is `/bin/sh -e`. */
  readonly errexit?: boolean;
  /** Variables from outside that are known. */
  readonly environment?: ReadonlyMap<string, string>;
}

/** Scripts in scripts: `sh -c "bash -c '…'"`. */
const MAX_NESTED_SHELLS = 4;

export const SHELLS = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh']);

export class ShellScript {
  readonly mapped: MappedText;
  readonly text: string;
  readonly parsed: ParsedShell;
  readonly options: ScriptOptions;
  private readonly parser: Parser;
  private readonly depth: number;
  private readonly variables = new Map<string, Known>();
  private list: readonly Invocation[] | undefined;

  /** @throws ImgoptError `unsupported` for nesting or sizes beyond our bounds */
  constructor(parser: Parser, mapped: MappedText, options: ScriptOptions = {}, depth = 0) {
    this.parser = parser;
    this.mapped = mapped;
    this.text = mapped.text;
    this.options = options;
    this.depth = depth;
    this.parsed = parseShell(parser, mapped.text);
    this.learn(this.parsed.body, false);
    for (const [name, text] of options.environment ?? []) {
      if (!this.variables.has(name)) this.variables.set(name, { fields: [text], isArray: false });
    }
  }

  place(start: number, end: number): Place | undefined {
    return this.mapped.placeOf(start, end);
  }

  /** `/bin/bash -e` of `#!/bin/bash -e`; null without such a line. */
  get shebang(): string | null {
    return /^#!\s*([^\n\r]*)/.exec(this.text)?.[1]?.trim() ?? null;
  }

  /** Errors end the script: by its first line, by `set -e`, or by how it is called. */
  get hasErrexit(): boolean {
    if (this.options.errexit === true) return true;
    if (this.shebang !== null && / -[a-zA-Z]*e/.test(this.shebang)) return true;
    return this.setOptions().some(({ short, long }) => short.includes('e') || long === 'errexit');
  }

  get hasPipefail(): boolean {
    return this.setOptions().some(({ long }) => long === 'pipefail');
  }

  private setOptions(): { short: string; long: string }[] {
    const found: { short: string; long: string }[] = [];
    for (const one of this.invocations) {
      if (one.name !== 'set' || one.script !== this) continue;
      one.args.forEach((arg, index) => {
        if (!/^-[a-zA-Z]+$/.test(arg.text)) return;
        found.push({ short: arg.text, long: '' });
        const next = one.args[index + 1];
        if (arg.text.endsWith('o') && next !== undefined) found.push({ short: '', long: next.text });
      });
    }
    return found;
  }

  /** Every command, in the order of the text; commands in substitutions come before the command that uses them. */
  get invocations(): readonly Invocation[] {
    if (this.list === undefined) {
      const into: Invocation[] = [];
      this.list = into;
      this.walk(this.parsed.body, [], [], into);
    }
    return this.list;
  }

  /** Every pipeline chain, nested ones and those of scripts in it included. */
  *chains(): Iterable<{ readonly script: ShellScript; readonly andOr: AndOr }> {
    const seen = new Set<AndOr>();
    for (const { script, andOr } of this.invocations) {
      if (seen.has(andOr)) continue;
      seen.add(andOr);
      yield { script, andOr };
    }
  }

  private learn(list: List, isConditional: boolean): void {
    for (const andOr of list) {
      andOr.pipelines.forEach((pipeline, link) => {
        const unsure = isConditional || link > 0 || pipeline.members.length > 1;
        for (const node of pipeline.members) this.learnNode(node, unsure);
      });
    }
  }

  private learnNode(node: Node, isConditional: boolean): void {
    if (node.kind === 'compound') {
      if (node.type === 'for' && node.name !== null) {
        const fields = node.words.flatMap((word) => this.expand(word));
        this.variables.set(
          node.name,
          this.variables.has(node.name) ? UNKNOWN : { fields: fields.map((one) => one.text), isArray: true },
        );
      }
      for (const body of node.conditions) this.learn(body, true);
      const plain = node.type === 'group' || node.type === 'subshell';
      for (const body of node.bodies) this.learn(body, isConditional || !plain);
      return;
    }
    const [first] = node.words;
    const word = first === undefined ? undefined : literal(first);
    const declares = word !== undefined && DECLARING.has(word);
    // `X=1 command` is for that command only.
    if (first !== undefined && !declares) {
      if (word === 'read') for (const one of node.words.slice(1)) this.forget(literal(one));
      return;
    }
    for (const { name, values, isArray, appends } of node.assignments) {
      const before = this.variables.get(name);
      if (appends && isArray && before?.isArray && !isConditional) {
        const more = values.flatMap((one) => this.expand(one).map((field) => field.text));
        this.variables.set(name, { fields: [...before.fields, ...more], isArray: true });
      } else if (before !== undefined || appends || isConditional) {
        this.variables.set(name, UNKNOWN);
      } else if (isArray) {
        this.variables.set(name, {
          fields: values.flatMap((one) => this.expand(one).map((field) => field.text)),
          isArray,
        });
      } else {
        const [value] = values;
        this.variables.set(name, { fields: [value === undefined ? '' : this.joined(value)], isArray: false });
      }
    }
  }

  private forget(name: string | undefined): void {
    if (name !== undefined) this.variables.set(name, UNKNOWN);
  }

  /** A word as one text, whatever blanks its variables hold. */
  joined(word: Word): string {
    return word.parts
      .map((part) => {
        if (part.kind === 'text') return part.text;
        if (part.kind === 'substitution' || !part.isPlain) return HOLE;
        return this.variables.get(part.name)?.fields.join(' ') ?? HOLE;
      })
      .join('');
  }

  /** A word as the fields that the shell makes of it. */
  expand(word: Word): Field[] {
    const fields: string[] = [];
    let current: string | undefined;
    const add = (text: string): void => {
      current = (current ?? '') + text;
    };
    const split = (texts: readonly string[]): void => {
      texts.forEach((text, index) => {
        if (index > 0 && current !== undefined) {
          fields.push(current);
          current = undefined;
        }
        add(text);
      });
    };
    for (const part of word.parts) {
      if (part.kind === 'text') add(part.text);
      else if (part.kind === 'substitution' || !part.isPlain) add(HOLE);
      else {
        const known = this.variables.get(part.name);
        if (known === undefined) add(HOLE);
        else if (known.isArray) split(known.fields);
        else if (part.isQuoted) add(known.fields.join(' '));
        else
          split(
            known.fields
              .join(' ')
              .split(/[ \t\n]+/)
              .filter((one) => one !== ''),
          );
      }
    }
    if (current !== undefined) fields.push(current);
    const { start, end } = word;
    return fields.flatMap((text) => braces(text, word)).map((text) => ({ text, start, end }));
  }

  private walk(
    list: List,
    inside: readonly Compound[],
    redirects: readonly Redirect[],
    into: Invocation[],
  ): void {
    for (const andOr of list) {
      for (const [link, pipeline] of andOr.pipelines.entries()) {
        for (const [position, node] of pipeline.members.entries()) {
          if (node.kind === 'command') {
            this.substitutions(
              [...node.words, ...node.assignments.flatMap((one) => one.values)],
              inside,
              into,
            );
            this.invoke(node, { pipeline, position, andOr, link, inside, redirects }, into);
            continue;
          }
          this.substitutions(node.words, inside, into);
          const outer = [...redirects, ...node.redirects];
          const within = [...inside, node];
          for (const body of [...node.conditions, ...node.bodies]) this.walk(body, within, outer, into);
        }
      }
    }
  }

  private substitutions(words: readonly Word[], inside: readonly Compound[], into: Invocation[]): void {
    for (const word of words) {
      for (const part of word.parts) {
        if (part.kind === 'substitution') this.walk(part.body, inside, [], into);
      }
    }
  }

  private invoke(
    command: Command,
    at: Pick<Invocation, 'pipeline' | 'position' | 'andOr' | 'link' | 'inside' | 'redirects'>,
    into: Invocation[],
  ): void {
    const fields = command.words.flatMap((word) => this.expand(word));
    const { rest, prefixes } = unwrap(fields);
    const [name, ...args] = rest;
    const made: Invocation = {
      ...at,
      script: this,
      command,
      name: name === undefined ? '' : basename(name.text),
      args,
      prefixes,
      redirects: [...command.redirects, ...at.redirects],
    };
    into.push(made);
    for (const inner of this.nested(made)) into.push(...inner.invocations);
  }

  /** Scripts that a command runs: `sh -c '…'`, `bash <<EOF`. */
  private nested(one: Invocation): ShellScript[] {
    if (this.depth >= MAX_NESTED_SHELLS) return [];
    const texts: MappedText[] = [];
    const flag = one.args.findIndex((arg) => /^-[a-z]*c$/.test(arg.text));
    const text = one.args[flag + 1];
    if ((SHELLS.has(one.name) || one.name === 'su') && flag >= 0 && text !== undefined) {
      texts.push(this.inner(text));
    } else if (one.name === 'eval' && one.args.length === 1) texts.push(this.inner(one.args[0]!));
    if (SHELLS.has(one.name) && flag < 0 && !one.args.some((arg) => !arg.text.startsWith('-'))) {
      for (const { body } of one.command.redirects) {
        if (body !== null) texts.push(this.mapped.slice(body.start, body.end));
      }
    }
    return texts
      .filter((each) => each.text.trim() !== '' && each.text !== HOLE)
      .map((each) => new ShellScript(this.parser, each, this.options, this.depth + 1));
  }

  /** A field as text with places: the lines of a quoted word keep their own. */
  private inner(field: Field): MappedText {
    const quoted = this.text.slice(field.start + 1, field.end - 1);
    if (quoted === field.text) return this.mapped.slice(field.start + 1, field.end - 1);
    const place = this.place(field.start, field.end);
    return place === undefined ? MappedText.empty : MappedText.made(field.text, place);
  }
}

interface Known {
  readonly fields: readonly string[];
  /** Its fields stay apart in quotes: `"${a[@]}"`. */
  readonly isArray: boolean;
}

const UNKNOWN: Known = { fields: [HOLE], isArray: false };

const DECLARING = new Set(['export', 'local', 'declare', 'readonly', 'typeset']);

/** A word's text where it is one plain literal. */
export function literal(word: Word): string | undefined {
  return word.parts.every((part) => part.kind === 'text')
    ? word.parts.map((part) => (part.kind === 'text' ? part.text : '')).join('')
    : undefined;
}

/** `a{b,c}` is two fields, unless quoted. */
function braces(text: string, word: Word): string[] {
  if (!text.includes('{') || word.parts.some((part) => part.kind === 'text' && part.isQuoted)) return [text];
  const match = /^([^{}]*)\{([^{}]*,[^{}]*)\}([^{}]*)$/.exec(text);
  if (match === null) return [text];
  return match[2]!.split(',').map((one) => `${match[1]}${one}${match[3]}`);
}

/** Options of a wrapper that take a value of their own. */
const WRAPPERS: Record<string, { readonly values: readonly string[]; readonly operands?: number }> = {
  sudo: {
    values: [
      '-u',
      '-g',
      '-h',
      '-p',
      '-C',
      '-D',
      '-R',
      '-T',
      '-U',
      '-r',
      '-t',
      '--user',
      '--group',
      '--chdir',
    ],
  },
  doas: { values: ['-u', '-C'] },
  env: { values: ['-u', '-C', '-S'] },
  command: { values: [] },
  builtin: { values: [] },
  exec: { values: ['-a'] },
  nice: { values: ['-n'] },
  ionice: { values: ['-c', '-n'] },
  nohup: { values: [] },
  time: { values: ['-f', '-o'] },
  stdbuf: { values: ['-i', '-o', '-e'] },
  timeout: { values: ['-k', '-s', '--signal', '--kill-after'], operands: 1 },
  chroot: { values: [], operands: 1 },
  xargs: {
    values: ['-n', '-I', '-L', '-P', '-d', '-a', '-E', '-s', '--max-args', '--delimiter', '--max-procs'],
  },
  retry: { values: ['-n', '-t', '-d', '--times', '--delay'] },
};

function unwrap(fields: readonly Field[]): { rest: readonly Field[]; prefixes: string[] } {
  const prefixes: string[] = [];
  let rest = fields;
  for (;;) {
    const [first] = rest;
    const name = first === undefined ? '' : basename(first.text);
    const wrapper = Object.hasOwn(WRAPPERS, name) ? WRAPPERS[name] : undefined;
    if (wrapper === undefined || rest.length < 2) return { rest, prefixes };
    let at = 1;
    while (at < rest.length) {
      const { text } = rest[at]!;
      if (text === '--') {
        at++;
        break;
      }
      if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(text) && (name === 'env' || name === 'sudo')) at++;
      else if (text.startsWith('-') && text !== '-') at += wrapper.values.includes(text) ? 2 : 1;
      else if (name === 'retry' && /^[0-9]+$/.test(text)) at++;
      else break;
    }
    at += wrapper.operands ?? 0;
    if (at >= rest.length) return { rest, prefixes };
    prefixes.push(name);
    rest = rest.slice(at);
  }
}
