/**
 * Values as templates hold them, each with its place: what HCL, JSON and YAML have in common. What only a build
 * knows is `dynamic`; what a build chooses among known ones is a `choice`, so that both branches of a conditional
 * are looked at and neither is taken for granted.
 */
import { HOLE, MappedText, type Place } from './text.ts';

export interface Entry {
  readonly key: string;
  readonly keyPlace: Place;
  readonly value: Value;
}

export type Value =
  | { readonly kind: 'string'; readonly place: Place; readonly text: MappedText }
  | { readonly kind: 'number'; readonly place: Place; readonly number: number }
  | { readonly kind: 'bool'; readonly place: Place; readonly bool: boolean }
  | { readonly kind: 'null'; readonly place: Place }
  | { readonly kind: 'list'; readonly place: Place; readonly items: readonly Value[] }
  | { readonly kind: 'object'; readonly place: Place; readonly entries: readonly Entry[] }
  | { readonly kind: 'choice'; readonly place: Place; readonly options: readonly Value[] }
  | { readonly kind: 'dynamic'; readonly place: Place };

export type ObjectValue = Extract<Value, { kind: 'object' }>;

export const dynamic = (place: Place): Value => ({ kind: 'dynamic', place });
export const stringValue = (text: MappedText, place: Place): Value => ({ kind: 'string', place, text });
export const madeString = (text: string, place: Place): Value =>
  stringValue(MappedText.made(text, place), place);
export const listValue = (items: readonly Value[], place: Place): Value => ({ kind: 'list', place, items });

/** One of several; the same as the only one where there is one. */
export function choiceOf(options: readonly Value[], place: Place): Value {
  const flat = options.flatMap((one) => (one.kind === 'choice' ? one.options : [one]));
  return flat.length === 1 ? flat[0]! : { kind: 'choice', place, options: flat };
}

/** The value as text where it has one: numbers and booleans too; HOLE for what is dynamic. */
export function toText(value: Value): MappedText {
  switch (value.kind) {
    case 'string':
      return value.text;
    case 'number':
      return MappedText.made(String(value.number), value.place);
    case 'bool':
      return MappedText.made(String(value.bool), value.place);
    case 'null':
      return MappedText.made('', value.place);
    default:
      return MappedText.made(HOLE, value.place);
  }
}

/** The value as a string that is wholly known; undefined otherwise. */
export function staticText(value: Value | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value.kind === 'string') return value.text.isStatic ? value.text.text : undefined;
  if (value.kind === 'number') return String(value.number);
  if (value.kind === 'bool') return String(value.bool);
  return undefined;
}

/** The value as a boolean; Packer takes "true" for true. Undefined where it is not known. */
export function truth(value: Value | undefined): boolean | undefined {
  if (value?.kind === 'bool') return value.bool;
  const text = staticText(value);
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

/** True for what was not given, or is null or an empty string, which Packer takes for not given. */
export function isUnset(value: Value | undefined): boolean {
  return value === undefined || value.kind === 'null' || staticText(value) === '';
}

/** Every value that this one may be. */
export function optionsOf(value: Value | undefined): readonly Value[] {
  if (value === undefined) return [];
  return value.kind === 'choice' ? value.options : [value];
}

/** The items of a list, or the value itself as the only one; of all lists that it may be. */
export function itemsOf(value: Value | undefined): readonly Value[] {
  return optionsOf(value).flatMap((one) =>
    one.kind === 'list' ? one.items.flatMap(optionsOf) : one.kind === 'null' ? [] : [one],
  );
}

/** True where nothing in it is dynamic or a choice. */
export function isStatic(value: Value): boolean {
  switch (value.kind) {
    case 'string':
      return value.text.isStatic;
    case 'list':
      return value.items.every(isStatic);
    case 'object':
      return value.entries.every((entry) => isStatic(entry.value));
    case 'choice':
    case 'dynamic':
      return false;
    default:
      return true;
  }
}

/** The value under a key of an object; the last one wins, as in JSON and YAML parsers. */
export function entryOf(value: Value | undefined, key: string): Entry | undefined {
  if (value?.kind !== 'object') return undefined;
  return value.entries.findLast((entry) => entry.key === key);
}

export function member(value: Value | undefined, key: string): Value | undefined {
  return entryOf(value, key)?.value;
}
