/** Relationships between packages as Depends and its sisters write them (deb-control(5), deb-src-control(5)). */
import type { Dependency, Requirements, VersionRelation } from '../../core/contracts/package.ts';

const RELATIONS: Record<string, VersionRelation> = {
  '<<': '<',
  '<': '<=', // deb-control(5): the old single forms mean "or equal"
  '<=': '<=',
  '=': '=',
  '>=': '>=',
  '>': '>=',
  '>>': '>',
};

/** One alternative: `libc6:any (>= 2.36)`; architecture lists and build profiles are dropped. */
function parseDependency(text: string): Dependency | undefined {
  const match = /^\s*([^\s:()[\]<>]+)(?::([a-z0-9-]+))?\s*(?:\(\s*([<>=]+)\s*([^)\s]+)\s*\))?/.exec(text);
  if (match === null) return undefined;
  const relation = match[3] === undefined ? undefined : RELATIONS[match[3]];
  return {
    name: match[1]!,
    architecture: match[2] ?? null,
    relation: relation ?? null,
    version: relation === undefined ? null : match[4]!,
  };
}

/** `a (>= 1) | b, c` → one list per comma, its alternatives inside. What cannot be read is left out. */
export function parseRelations(field: string | undefined): Requirements {
  if (field === undefined || field === '') return [];
  return field
    .split(',')
    .map((part) => part.split('|').flatMap((one) => parseDependency(one) ?? []))
    .filter((alternatives) => alternatives.length > 0);
}

/** A field without alternatives: Provides, Conflicts. */
export function parseFlat(field: string | undefined): readonly Dependency[] {
  return parseRelations(field).map((alternatives) => alternatives[0]!);
}
