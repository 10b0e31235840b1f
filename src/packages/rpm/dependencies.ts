/**
 * rpm's dependencies: a name, comparison flags, a version; and since rpm 4.13 *rich* ones, little expressions
 * in parentheses such as `(foo >= 2 if bar)` or `(a or (b with c))` (rpm, docs/manual/boolean_dependencies).
 *
 * A dependency graph wants "all of these, of each any alternative". Rich expressions come down to that once
 * their conditions are decided, and they can be: which names are installed is known when all headers are read.
 */
import type { Dependency, VersionRelation } from '../../core/contracts/package.ts';
import { MAX_RICH_DEPENDENCY_DEPTH } from '../../core/limits.ts';
import type { RpmHeader } from './header.ts';
import { RPMSENSE } from './layout.ts';

const RELATIONS: readonly (VersionRelation | null)[] = [null, '<', '>', null, '=', '<=', '>=', null];

/** What stands in one of the header's dependency arrays, rpmlib() features left out. */
export interface RawDependency extends Dependency {
  readonly flags: number;
}

/** Reads a triple of name, flags and version arrays; throws `corrupt` when they are no such. */
export function readDependencies(
  header: RpmHeader,
  nameTag: number,
  flagsTag: number,
  versionTag: number,
): RawDependency[] {
  if (!header.has(nameTag)) return [];
  const names = header.strings(nameTag);
  const flags = header.numbers(flagsTag);
  const versions = header.strings(versionTag);
  const result: RawDependency[] = [];
  for (let i = 0; i < names.length; i++) {
    const flag = flags[i] ?? 0;
    if ((flag & RPMSENSE.rpmlib) !== 0 || names[i]!.startsWith('rpmlib(')) continue;
    const relation = RELATIONS[(flag >>> 1) & 7]!;
    const version = versions[i] ?? '';
    const versioned = relation !== null && version !== '';
    result.push({
      name: names[i]!,
      relation: versioned ? relation : null,
      version: versioned ? version : null,
      architecture: null,
      flags: flag,
    });
  }
  return result;
}

/** A parsed rich dependency. */
type Rich =
  | { readonly operator: 'is'; readonly dependency: Dependency }
  | {
      readonly operator: 'and' | 'or' | 'with' | 'without' | 'if' | 'unless';
      readonly left: Rich;
      readonly right: Rich;
      readonly otherwise: Rich | undefined;
    };

/** Alternatives that one requirement may grow to when `or` stands over `and`. */
const MAX_ALTERNATIVES = 64;
const OPERATORS = new Set(['and', 'or', 'with', 'without', 'if', 'unless', 'else']);
const COMPARISON = new Set(['<', '<=', '=', '>=', '>']);

export function isRich(name: string): boolean {
  return name.startsWith('(');
}

/** Words and parentheses; a parenthesis inside a word (`libx.so.1()(64bit)`) belongs to it. */
function tokens(text: string): string[] {
  const result: string[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at]!;
    if (character === ' ' || character === '\t') {
      at++;
    } else if (character === '(' || character === ')') {
      result.push(character);
      at++;
    } else {
      let end = at;
      let open = 0;
      for (; end < text.length; end++) {
        const inner = text[end]!;
        if (inner === ' ' || inner === '\t') break;
        if (inner === '(') open++;
        else if (inner === ')' && open-- === 0) break;
      }
      result.push(text.slice(at, end));
      at = end;
    }
  }
  return result;
}

/** Parses a rich dependency; undefined when it is not one that rpm would accept. */
export function parseRich(text: string): Rich | undefined {
  const words = tokens(text);
  let at = 0;

  function operand(depth: number): Rich | undefined {
    if (words[at] === '(') return expression(depth + 1);
    const name = words[at++];
    if (name === undefined || name === ')' || OPERATORS.has(name)) return undefined;
    const relation = words[at];
    if (relation === undefined || !COMPARISON.has(relation)) {
      return { operator: 'is', dependency: { name, relation: null, version: null, architecture: null } };
    }
    const version = words[at + 1];
    if (version === undefined || version === '(' || version === ')') return undefined;
    at += 2;
    const dependency = { name, relation: relation as VersionRelation, version, architecture: null };
    return { operator: 'is', dependency };
  }

  function expression(depth: number): Rich | undefined {
    if (depth > MAX_RICH_DEPENDENCY_DEPTH) return undefined;
    at++;
    let left = operand(depth);
    while (left !== undefined && words[at] !== ')') {
      const operator = words[at++];
      if (operator === undefined || operator === 'else' || !OPERATORS.has(operator)) return undefined;
      const right = operand(depth);
      if (right === undefined) return undefined;
      let otherwise: Rich | undefined;
      if ((operator === 'if' || operator === 'unless') && words[at] === 'else') {
        at++;
        otherwise = operand(depth);
        if (otherwise === undefined) return undefined;
      }
      left = { operator: operator as 'and', left, right, otherwise };
    }
    at++;
    return left;
  }

  const result = words[0] === '(' ? expression(0) : undefined;
  return at === words.length ? result : undefined;
}

/** All of the outer list, of each any of the inner; `installed` decides the conditions (by name). */
export function resolveRich(rich: Rich, installed: ReadonlySet<string>): Dependency[][] {
  switch (rich.operator) {
    case 'is':
      return [[rich.dependency]];
    case 'and':
    case 'with':
      return [...resolveRich(rich.left, installed), ...resolveRich(rich.right, installed)];
    case 'without':
      return resolveRich(rich.left, installed);
    case 'if':
    case 'unless':
      if (holds(rich.right, installed) === (rich.operator === 'if')) return resolveRich(rich.left, installed);
      return rich.otherwise === undefined ? [] : resolveRich(rich.otherwise, installed);
    case 'or': {
      const left = resolveRich(rich.left, installed);
      const right = resolveRich(rich.right, installed);
      if (left.length * right.length > MAX_ALTERNATIVES) return [[...left.flat(), ...right.flat()]];
      return left.flatMap((some) => right.map((others) => [...some, ...others]));
    }
  }
}

function holds(rich: Rich, installed: ReadonlySet<string>): boolean {
  switch (rich.operator) {
    case 'is':
      return installed.has(rich.dependency.name);
    case 'or':
      return holds(rich.left, installed) || holds(rich.right, installed);
    case 'without':
      return holds(rich.left, installed) && !holds(rich.right, installed);
    case 'if':
      return holds(rich.right, installed) ? holds(rich.left, installed) : holdsOr(rich.otherwise, installed);
    case 'unless':
      return holds(rich.right, installed) ? holdsOr(rich.otherwise, installed) : holds(rich.left, installed);
    default:
      return holds(rich.left, installed) && holds(rich.right, installed);
  }
}

/** A condition without its `else` asks for nothing, so it holds. */
function holdsOr(rich: Rich | undefined, installed: ReadonlySet<string>): boolean {
  return rich === undefined || holds(rich, installed);
}
