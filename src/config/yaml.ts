/**
 * YAML as plain values that remember where they stood.
 *
 * The `yaml` package reads the text; turning its tree into values is done here, because that is where hostile text
 * hurts: aliases that multiply (each expansion is counted), nesting that overflows the stack (measured on the tokens,
 * before anything recurses), a hundred thousand keys that are compared pairwise, tags that make objects. What is
 * left is what JSON knows: mappings with text as keys, lists, text, numbers, booleans and null. Mappings have no
 * prototype, so a key `__proto__` is a key like any other.
 */
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
} from 'yaml';
import type { JsonValue } from '../core/contracts/disk.ts';
import { usage } from '../core/errors.ts';
import { MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH, MAX_CONFIG_NODES } from '../core/limits.ts';
import { escapeName } from '../core/text.ts';

/** Keys and positions that lead to a value. */
export type ConfigPath = readonly (string | number)[];

/** Values of one YAML document. */
export interface YamlText {
  /** Null for a document without content. */
  readonly value: JsonValue;
  /** `FILE:LINE:COLUMN` of the value at a path, or of its key; the nearest that there is when it is not there. */
  where(path: ConfigPath, part?: 'key' | 'value'): string;
}

const TOO_MANY = `holds more than ${MAX_CONFIG_NODES} values, aliases counted as what they repeat`;

interface Place {
  readonly key: number;
  readonly value: number;
}

/** JSON keeps the path unambiguous, whatever stands in a key. */
const placeName = (path: ConfigPath): string => JSON.stringify(path);

/**
 * Reads one document of YAML 1.2.
 * @param file as messages shall name it
 * @throws ImgoptError `usage` with line and column for text that is no such document or goes beyond the bounds
 */
export function readYaml(text: string, file: string): YamlText {
  const counter = new LineCounter();
  const position = (offset: number): string => {
    const { line, col } = counter.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  const refuse = (code: string, message: string, offset: number, advice?: string): never => {
    throw usage(`CONFIG_${code}`, message, {
      where: [position(offset)],
      ...(advice === undefined ? {} : { advice }),
    });
  };
  if (text.length > MAX_CONFIG_BYTES) {
    throw usage('CONFIG_TOO_LARGE', `is larger than ${MAX_CONFIG_BYTES} bytes`, { where: [file] });
  }
  const document = compose(text, counter, refuse);

  const places = new Map<string, Place>();
  const anchors = new Map<string, unknown>();
  let nodes = 0;
  const convert = (node: unknown, path: (string | number)[], depth: number, at: number): JsonValue => {
    const offset = (node as { range?: [number, number, number] | null } | null)?.range?.[0] ?? at;
    if (++nodes > MAX_CONFIG_NODES) {
      refuse('TOO_LARGE', TOO_MANY, offset);
    }
    if (depth > MAX_CONFIG_DEPTH) refuse('TOO_DEEP', 'an alias repeats itself', offset);
    if (node === null || node === undefined) return null;
    if (isAlias(node)) {
      if (!anchors.has(node.source))
        refuse('SYNTAX', `there is no anchor '${escapeName(node.source)}' before`, offset);
      return convert(anchors.get(node.source), path, depth + 1, offset);
    }
    const { anchor, tag } = node as { anchor?: string; tag?: string };
    if (tag !== undefined)
      refuse('SYNTAX', `tags such as ${escapeName(tag)} mean nothing here`, offset, 'remove it');
    if (anchor !== undefined) anchors.set(anchor, node);
    if (isMap(node)) {
      const mapping: { [key: string]: JsonValue } = Object.create(null);
      for (const { key, value } of node.items) {
        const keyOffset = (key as { range?: [number, number, number] | null } | null)?.range?.[0] ?? offset;
        const name = isScalar(key) ? key.value : undefined;
        if (typeof name !== 'string')
          return refuse('SYNTAX', 'a key is not plain text', keyOffset, 'put it in quotes');
        if (name in mapping) refuse('DUPLICATE_KEY', `'${escapeName(name)}' stands here twice`, keyOffset);
        const inner = [...path, name];
        const valueOffset =
          (value as { range?: [number, number, number] | null } | null)?.range?.[0] ?? keyOffset;
        places.set(placeName(inner), { key: keyOffset, value: valueOffset });
        mapping[name] = convert(value, inner, depth + 1, valueOffset);
      }
      return mapping;
    }
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const inner = [...path, index];
        const itemOffset = (item as { range?: [number, number, number] | null } | null)?.range?.[0] ?? offset;
        places.set(placeName(inner), { key: itemOffset, value: itemOffset });
        return convert(item, inner, depth + 1, itemOffset);
      });
    }
    const { value } = node as { value: unknown };
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value as JsonValue;
    return refuse(
      'SYNTAX',
      'this is neither text, number, boolean, list nor mapping',
      offset,
      'put it in quotes',
    );
  };
  return {
    value: convert(document.contents, [], 0, 0),
    where(path, part = 'value') {
      for (let length = path.length; length > 0; length--) {
        const place = places.get(placeName(path.slice(0, length)));
        if (place !== undefined) return position(length === path.length ? place[part] : place.key);
      }
      return position(0);
    },
  };
}

type Refuse = (code: string, message: string, offset: number, advice?: string) => never;

function compose(text: string, counter: LineCounter, refuse: Refuse): Document {
  const tokens = [...new Parser(counter.addNewLine).parse(text)];
  assertBounds(tokens, refuse);
  // `uniqueKeys` compares every key with every other; duplicates are found on the way instead.
  const documents = [
    ...new Composer({ version: '1.2', schema: 'core', uniqueKeys: false, merge: false }).compose(
      tokens,
      true,
      text.length,
    ),
  ];
  const [document, second] = documents;
  const error = document!.errors[0];
  if (error !== undefined) refuse('SYNTAX', firstLine(error.message), error.pos[0]);
  if (second !== undefined)
    refuse('SYNTAX', 'a second document begins here', second.range[0], 'keep one of them');
  const warning = document!.warnings[0];
  if (warning !== undefined) refuse('SYNTAX', firstLine(warning.message), warning.pos[0]);
  return document!;
}

const firstLine = (text: string): string => escapeName(text.split('\n')[0]!);

/** Composing recurses, and is slow over nonsense; tokens can be walked without. */
function assertBounds(tokens: readonly CST.Token[], refuse: Refuse): void {
  const queue: { token: CST.Token; depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  let items = 0;
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { token, depth } = next;
    if (depth > MAX_CONFIG_DEPTH)
      refuse('TOO_DEEP', `more than ${MAX_CONFIG_DEPTH} levels inside each other`, token.offset);
    if (token.type === 'document') {
      if (token.value !== undefined) queue.push({ token: token.value, depth });
    } else if ('items' in token) {
      items += token.items.length;
      if (items > MAX_CONFIG_NODES) refuse('TOO_LARGE', TOO_MANY, token.offset);
      for (const { key, value } of token.items as CST.CollectionItem[]) {
        if (key !== undefined && key !== null) queue.push({ token: key, depth: depth + 1 });
        if (value !== undefined) queue.push({ token: value, depth: depth + 1 });
      }
    }
  }
}
