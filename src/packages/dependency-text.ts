/** Dependencies as apk and pacman write them: a name with an operator and a version at its end, or without. */
import type { Dependency, Requirements, VersionRelation } from '../core/contracts/package.ts';

const RELATION: Record<string, VersionRelation> = {
  '<': '<',
  '<=': '<=',
  '=': '=',
  '==': '=',
  '>=': '>=',
  '>': '>',
  '~': '~',
  '~=': '~',
  '=~': '~',
};

/** `name>=1.2`, `so:libc.so=1`, `name`; an operator that nobody knows (apk's `><` and a checksum) is no version. */
export function parseDependency(text: string): Dependency {
  const at = text.search(/[<>=~]/);
  if (at <= 0) return { name: text, relation: null, version: null, architecture: null };
  const operator = /^[<>=~]+/.exec(text.slice(at))![0];
  const version = text.slice(at + operator.length);
  const relation = RELATION[operator] ?? null;
  const versioned = relation !== null && version !== '';
  return {
    name: text.slice(0, at),
    relation: versioned ? relation : null,
    version: versioned ? version : null,
    architecture: null,
  };
}

/** Requirements without versions, each once. */
export function namesOf(requires: Requirements): string[][] {
  const seen = new Set<string>();
  const result: string[][] = [];
  for (const alternatives of requires) {
    const names = alternatives.map((alternative) => alternative.name);
    const key = names.length === 1 ? names[0]! : names.join('\0');
    if (seen.has(key)) continue;
    seen.add(key);
    result.push(names);
  }
  return result;
}

/** Names beside the package's own, each once. */
export function providedNames(name: string, provides: readonly Dependency[]): string[] {
  return [...new Set(provides.map((provided) => provided.name))].filter((provided) => provided !== name);
}

/** A whole number as databases write it, or undefined: never NaN, negative or above 2^53 - 1. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text.trim())) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
