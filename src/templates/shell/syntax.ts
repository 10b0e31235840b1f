/** What a shell script is made of, as POSIX.1-2024 2.10 has it; offsets are those of the script's text. */

export type WordPart =
  | { readonly kind: 'text'; readonly text: string; readonly isQuoted: boolean }
  /** `$name`, `${name}`; `isPlain` is false where the expansion does something to the value. */
  | {
      readonly kind: 'variable';
      readonly name: string;
      readonly isPlain: boolean;
      readonly isQuoted: boolean;
      readonly start: number;
      readonly end: number;
    }
  /** `$(…)` and backquotes. */
  | {
      readonly kind: 'substitution';
      readonly body: List;
      readonly isQuoted: boolean;
      readonly start: number;
      readonly end: number;
    };

export interface Word {
  readonly start: number;
  readonly end: number;
  readonly parts: readonly WordPart[];
}

export interface Assignment {
  readonly name: string;
  /** An array's words, or the one value; empty for `name=`. */
  readonly values: readonly Word[];
  readonly isArray: boolean;
  readonly appends: boolean;
  readonly start: number;
  readonly end: number;
}

export interface Redirect {
  /** `>`, `>>`, `<`, `&>`, `<<`, `<<<` … */
  readonly operator: string;
  readonly target: Word | null;
  /** The lines of a here-document, and whether their expansions are off. */
  readonly body: { readonly start: number; readonly end: number; readonly isLiteral: boolean } | null;
  readonly start: number;
  readonly end: number;
}

export interface Command {
  readonly kind: 'command';
  readonly assignments: readonly Assignment[];
  readonly words: readonly Word[];
  readonly redirects: readonly Redirect[];
  readonly start: number;
  readonly end: number;
}

export interface Compound {
  readonly kind: 'compound';
  readonly type: 'if' | 'while' | 'for' | 'case' | 'subshell' | 'group' | 'function' | 'test';
  /** What decides: of `if`, `while`, `case`. */
  readonly conditions: readonly List[];
  readonly bodies: readonly List[];
  readonly redirects: readonly Redirect[];
  /** Variable of `for`, name of a function. */
  readonly name: string | null;
  /** What `for` goes over, what `case` looks at, the operands of a test. */
  readonly words: readonly Word[];
  readonly start: number;
  readonly end: number;
}

export type Node = Command | Compound;

export interface Pipeline {
  readonly members: readonly Node[];
  readonly isNegated: boolean;
  readonly start: number;
  readonly end: number;
}

/** Pipelines joined by `&&` and `||`, which bind less tightly than `|`. */
export interface AndOr {
  readonly pipelines: readonly Pipeline[];
  /** `operators[i]` stands before `pipelines[i + 1]`. */
  readonly operators: readonly ('&&' | '||')[];
  readonly start: number;
  readonly end: number;
}

export type List = readonly AndOr[];
