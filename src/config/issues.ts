/**
 * What zod found, in words that somebody who edits a file can use: what is wrong, where it stands, and the nearest
 * word that would be right.
 *
 * zod tells of a union what is wrong with every alternative. The alternatives of the same type as what stands there
 * are the ones that were meant: `levle` beside `off | safe | {safety: …}` is a bad word, not a bad mapping.
 */
import type { z } from 'zod';
import type { JsonValue } from '../core/contracts/disk.ts';
import { nearestWord } from '../core/nearest.ts';
import { escapeName } from '../core/text.ts';
import type { ConfigPath } from './yaml.ts';

type Issue = z.core.$ZodIssue;

/** More words than this are no help. */
const MAX_LISTED = 20;

export interface Problem {
  readonly code: 'UNKNOWN_KEY' | 'VALUE';
  readonly path: ConfigPath;
  /** Whether the key is wrong or what it holds. */
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly advice?: string;
}

/** The first thing that is wrong, and how many more there are: a file of wrong keys costs no more than one. */
export function firstProblem(
  error: z.ZodError,
  schema: z.ZodType,
  value: JsonValue,
): { problem: Problem; more: number } {
  const count = error.issues.reduce(
    (sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1),
    0,
  );
  return { problem: problemOf(error.issues[0]!, [], schema, value), more: count - 1 };
}

function problemOf(issue: Issue, above: ConfigPath, schema: z.ZodType, root: JsonValue): Problem {
  const path = [...above, ...(issue.path as (string | number)[])];
  const found = valueAt(root, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const key = issue.keys[0]!;
      const known = keysAt(schema, path);
      const nearest = nearestWord(key, known);
      const advice =
        nearest !== undefined
          ? `did you mean '${nearest}'?`
          : known.length > 0 && known.length <= MAX_LISTED
            ? `known are ${known.join(', ')}`
            : undefined;
      return {
        code: 'UNKNOWN_KEY',
        path: [...path, key],
        part: 'key',
        message: `there is no '${escapeName(key)}'${path.length === 0 ? '' : ` in ${escapeName(path.join('.'))}`}`,
        ...(advice === undefined ? {} : { advice }),
      };
    }
    case 'invalid_union':
      return problemOfUnion(issue, path, schema, root);
    case 'invalid_type':
      return problem(
        path,
        `${subject(path)} must be ${TYPES[issue.expected] ?? issue.expected}, not ${say(found)}`,
      );
    case 'invalid_value':
      return badWord(path, found, issue.values);
    case 'invalid_key':
      return problem(path, `${subject(path)}: ${issue.issues[0]?.message ?? issue.message}`, 'key');
    case 'too_small':
      return problem(
        path,
        `${subject(path)} must ${bound(issue.origin, issue.inclusive !== false ? 'at least' : 'more than', issue.minimum)}`,
      );
    case 'too_big':
      return problem(
        path,
        `${subject(path)} must ${bound(issue.origin, issue.inclusive !== false ? 'at most' : 'less than', issue.maximum)}`,
      );
    default:
      return problem(path, `${subject(path)}: ${issue.message}`);
  }
}

function problemOfUnion(
  issue: z.core.$ZodIssueInvalidUnion,
  path: ConfigPath,
  schema: z.ZodType,
  root: JsonValue,
): Problem {
  const found = valueAt(root, path);
  // The alternatives are told apart by a word, and it is none of theirs.
  if (issue.errors.length === 0 && 'options' in issue) return badWord(path, found, issue.options ?? []);
  const alternatives = issue.errors.flatMap(flatten);
  const isOtherType = (alternative: readonly Issue[]): boolean =>
    alternative.some(({ code, path: inner }) => inner.length === 0 && code === 'invalid_type');
  const isWord = (alternative: readonly Issue[]): boolean =>
    alternative.every(({ code, path: inner }) => inner.length === 0 && code === 'invalid_value');
  const sameType = alternatives.filter((alternative) => !isOtherType(alternative));
  const meant = sameType.filter((alternative) => !isWord(alternative));
  if (meant.length > 0) {
    const least = meant.reduce((best, one) => (one.length < best.length ? one : best));
    return problemOf(least[0]!, path, schema, root);
  }
  const words = alternatives.flatMap((alternative) =>
    alternative.flatMap((one) => (one.code === 'invalid_value' ? one.values : [])),
  );
  const types = alternatives.flatMap((alternative) =>
    alternative.flatMap((one) =>
      one.code === 'invalid_type' && one.path.length === 0 ? [one.expected] : [],
    ),
  );
  if (words.length > 0) return badWord(path, found, words, types);
  const expected = [...new Set(types)].map((one) => TYPES[one] ?? one);
  return problem(path, `${subject(path)} must be ${expected.join(' or ')}, not ${say(found)}`);
}

/** Alternatives of alternatives, side by side. */
function flatten(alternative: readonly Issue[]): (readonly Issue[])[] {
  const only = alternative.length === 1 ? alternative[0]! : undefined;
  return only?.code === 'invalid_union' && only.path.length === 0
    ? only.errors.flatMap(flatten)
    : [alternative];
}

function badWord(
  path: ConfigPath,
  found: JsonValue | undefined,
  words: readonly z.core.util.Primitive[],
  types: readonly string[] = [],
): Problem {
  const known = [...new Set(words.filter((one): one is string => typeof one === 'string'))];
  const others = [...new Set(types)].filter((one) => one !== 'string').map((one) => TYPES[one] ?? one);
  const nearest = typeof found === 'string' ? nearestWord(found, known) : undefined;
  return {
    ...problem(path, `${subject(path)} must be ${[...known, ...others].join(', ')}, not ${say(found)}`),
    ...(nearest === undefined ? {} : { advice: `did you mean '${nearest}'?` }),
  };
}

function problem(path: ConfigPath, message: string, part: 'key' | 'value' = 'value'): Problem {
  return { code: 'VALUE', path, part, message };
}

const TYPES: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function bound(origin: string, comparison: string, limit: number | bigint): string {
  if (origin === 'string') return `have ${comparison} ${limit} characters`;
  if (origin === 'array') return `hold ${comparison} ${limit} values`;
  return `be ${comparison} ${limit}`;
}

/** Longer text would hide the message that quotes it. */
const MAX_QUOTED = 60;

function say(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') {
    return `'${escapeName(value.length > MAX_QUOTED ? `${value.slice(0, MAX_QUOTED)}…` : value)}'`;
  }
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'a mapping';
  return String(value);
}

function subject(path: ConfigPath): string {
  const last = path.findLast((one) => typeof one === 'string');
  if (last === undefined) return 'the file';
  return typeof path.at(-1) === 'number' ? `'${escapeName(last)}'[${path.at(-1)}]` : `'${escapeName(last)}'`;
}

function valueAt(root: JsonValue, path: ConfigPath): JsonValue | undefined {
  let value: JsonValue | undefined = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as { readonly [key: string]: JsonValue })[step];
  }
  return value;
}

/** Keys that the schema knows at a path, whatever alternative they belong to. */
function keysAt(schema: z.ZodType, path: ConfigPath): string[] {
  let level: Def[] = unwrap(schema);
  for (const step of path) {
    level = level.flatMap((def): Def[] => {
      if (def.shape !== undefined) {
        const inner = Object.hasOwn(def.shape, step) ? def.shape[step] : undefined;
        return inner === undefined ? [] : unwrap(inner);
      }
      if (def.valueType !== undefined) return unwrap(def.valueType);
      return def.element === undefined ? [] : unwrap(def.element);
    });
  }
  return [...new Set(level.flatMap((def) => Object.keys(def.shape ?? {})))];
}

/** The parts of zod's definitions that keys are found by. */
interface Def {
  readonly shape?: { readonly [key: string]: z.ZodType };
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

function unwrap(schema: z.ZodType): Def[] {
  const def = schema._zod.def as unknown as Def;
  if (def.innerType !== undefined) return unwrap(def.innerType);
  if (def.in !== undefined) return unwrap(def.in);
  if (def.options !== undefined) return def.options.flatMap(unwrap);
  return [def];
}
