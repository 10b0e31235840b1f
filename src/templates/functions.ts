/** HCL2's functions that are pure and usual in templates; what is not here, or is given what is dynamic, is dynamic. */
import { posix } from 'node:path';
import { HOLE, MappedText, type Place } from './text.ts';
import {
  type Entry,
  isUnset,
  listValue,
  madeString,
  member,
  staticText,
  stringValue,
  toText,
  type Value,
} from './value.ts';

type Pure = (values: readonly Value[], place: Place) => Value | undefined;

/** A function of texts that are all known. */
const ofTexts =
  (make: (...texts: string[]) => string | undefined): Pure =>
  (values, place) => {
    const texts = values.map(staticText);
    if (texts.some((one) => one === undefined)) return undefined;
    const made = make(...(texts as string[]));
    return made === undefined ? undefined : madeString(made, place);
  };

const bool = (holds: boolean, place: Place): Value => ({ kind: 'bool', place, bool: holds });

function itemsOfLists(values: readonly Value[]): Value[] | undefined {
  const items: Value[] = [];
  for (const value of values) {
    if (value.kind !== 'list') return undefined;
    items.push(...value.items);
  }
  return items;
}

function distinct(items: readonly Value[]): Value[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const text = staticText(item);
    if (text === undefined) return true;
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

const FUNCTIONS: Record<string, Pure> = {
  lower: ofTexts((text) => text?.toLowerCase()),
  upper: ofTexts((text) => text?.toUpperCase()),
  title: ofTexts((text) => text?.replace(/(^|\s)\S/g, (one) => one.toUpperCase())),
  trimspace: ofTexts((text) => text?.trim()),
  chomp: ofTexts((text) => text?.replace(/[\r\n]+$/, '')),
  trimprefix: ofTexts((text, cut) => (text?.startsWith(cut!) ? text.slice(cut!.length) : text)),
  trimsuffix: ofTexts((text, cut) =>
    cut !== '' && text?.endsWith(cut!) ? text.slice(0, text.length - cut!.length) : text,
  ),
  // A pattern between slashes is a regular expression of Go's: dynamic.
  replace: ofTexts((text, from, to) =>
    /^\/.*\/$/.test(from!) ? undefined : text?.replaceAll(from!, () => to!),
  ),
  basename: ofTexts((path) => posix.basename(path!)),
  dirname: ofTexts((path) => posix.dirname(path!)),
  pathexpand: ofTexts((path) => (path!.startsWith('~') ? undefined : path)),
  base64decode: ofTexts((text) => Buffer.from(text!, 'base64').toString('utf8')),
  base64encode: ofTexts((text) => Buffer.from(text!).toString('base64')),
  // The bytes of a text do not matter to rules, but that it is one does.
  tostring: ([value], place) => (value === undefined ? undefined : stringValue(toText(value), place)),
  tonumber: ([value], place) => {
    const text = staticText(value);
    const number = Number(text);
    return text === undefined || Number.isNaN(number) ? undefined : { kind: 'number', place, number };
  },
  join: (values, place) => {
    const [separator, ...lists] = values;
    const between = staticText(separator);
    const items = itemsOfLists(lists);
    if (between === undefined || items === undefined) return undefined;
    const parts = items.flatMap((item, index) =>
      index === 0 ? [toText(item)] : [MappedText.made(between, place), toText(item)],
    );
    return stringValue(parts.length === 0 ? MappedText.empty : MappedText.join(parts), place);
  },
  split: ([separator, text], place) => {
    const [by, whole] = [staticText(separator), staticText(text)];
    if (by === undefined || whole === undefined) return undefined;
    return listValue(
      whole.split(by).map((one) => madeString(one, place)),
      place,
    );
  },
  format: ([pattern, ...values], place) => {
    const text = staticText(pattern);
    if (text === undefined) return undefined;
    let next = 0;
    const made = text.replace(/%(?:%|[svdq])/g, (verb) => {
      if (verb === '%%') return '%';
      const value = values[next++];
      return value === undefined ? HOLE : toText(value).text;
    });
    return /%[^%\s]/.test(made.replaceAll('%%', '')) ? undefined : madeString(made, place);
  },
  concat: (values, place) => {
    const items = itemsOfLists(values);
    return items === undefined ? undefined : listValue(items, place);
  },
  flatten: ([value], place) => {
    const flat = (one: Value): Value[] => (one.kind === 'list' ? one.items.flatMap(flat) : [one]);
    return value?.kind === 'list' ? listValue(value.items.flatMap(flat), place) : undefined;
  },
  compact: ([value], place) =>
    value?.kind === 'list'
      ? listValue(
          value.items.filter((item) => !isUnset(item)),
          place,
        )
      : undefined,
  distinct: ([value], place) =>
    value?.kind === 'list' ? listValue(distinct(value.items), place) : undefined,
  toset: ([value], place) => (value?.kind === 'list' ? listValue(distinct(value.items), place) : undefined),
  tolist: ([value], place) => (value?.kind === 'list' ? listValue(value.items, place) : undefined),
  tomap: ([value]) => (value?.kind === 'object' ? value : undefined),
  reverse: ([value], place) =>
    value?.kind === 'list' ? listValue(value.items.toReversed(), place) : undefined,
  element: ([value, index]) => {
    const at = Number(staticText(index));
    if (value?.kind !== 'list' || value.items.length === 0 || !Number.isSafeInteger(at)) return undefined;
    return value.items[((at % value.items.length) + value.items.length) % value.items.length];
  },
  length: ([value], place) => {
    if (value?.kind === 'list') return { kind: 'number', place, number: value.items.length };
    if (value?.kind === 'object') return { kind: 'number', place, number: value.entries.length };
    const text = staticText(value);
    return text === undefined ? undefined : { kind: 'number', place, number: [...text].length };
  },
  keys: ([value], place) =>
    value?.kind === 'object'
      ? listValue(
          value.entries.map((entry) => madeString(entry.key, entry.keyPlace)),
          place,
        )
      : undefined,
  values: ([value], place) =>
    value?.kind === 'object'
      ? listValue(
          value.entries.map((entry) => entry.value),
          place,
        )
      : undefined,
  merge: (values, place) => {
    const entries: Entry[] = [];
    for (const value of values) {
      if (value.kind !== 'object') return undefined;
      entries.push(...value.entries);
    }
    return { kind: 'object', place, entries };
  },
  lookup: ([from, key, otherwise]) => {
    const name = staticText(key);
    if (from?.kind !== 'object' || name === undefined) return undefined;
    return member(from, name) ?? otherwise;
  },
  coalesce: (values) => {
    for (const value of values) {
      if (value.kind === 'dynamic') return undefined;
      if (!isUnset(value)) return value;
    }
    return undefined;
  },
  coalescelist: (values) => values.find((one) => one.kind !== 'list' || one.items.length > 0),
  contains: ([list, wanted], place) => {
    const text = staticText(wanted);
    if (list?.kind !== 'list' || text === undefined) return undefined;
    const texts = list.items.map(staticText);
    if (texts.includes(text)) return bool(true, place);
    return texts.includes(undefined) ? undefined : bool(false, place);
  },
  try: ([first]) => first,
};

/** @returns undefined where the result is dynamic */
export function callFunction(name: string, values: readonly Value[], place: Place): Value | undefined {
  return Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]!(values, place) : undefined;
}
