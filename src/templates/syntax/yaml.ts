/**
 * YAML as values with places: playbooks, cloud-config, autoinstall. Lines of a literal block keep their own places,
 * since they are mostly scripts.
 */
import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, Scalar } from 'yaml';
import { MAX_SYNTAX_DEPTH, MAX_SYNTAX_NODES } from '../../core/limits.ts';
import { MappedText, type Place, type SourceFile } from '../text.ts';
import { dynamic, type Entry, stringValue, type Value } from '../value.ts';
import { SyntaxProblem } from './json.ts';

/** The documents of a file. @throws SyntaxProblem where it is no YAML */
export function parseYaml(file: SourceFile): Value[] {
  const documents = parseAllDocuments(file.text, {
    // As PyYAML reads it, which Ansible and cloud-init use: `yes` is true.
    version: '1.1',
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'silent',
    // Playbooks carry tags of their own (!vault, !unsafe), which say nothing wrong.
    resolveKnownTags: false,
  });
  if (!Array.isArray(documents)) return [];
  let nodes = 0;

  const convert = (node: unknown, resolve: (node: Node) => Node | undefined, depth: number): Value => {
    if (depth > MAX_SYNTAX_DEPTH || ++nodes > MAX_SYNTAX_NODES) {
      throw new SyntaxProblem('too many values inside each other', 0);
    }
    const range = (node as Node | null)?.range;
    const place = file.place(range?.[0] ?? 0, range?.[1] ?? 0);
    if (isAlias(node)) {
      const target = resolve(node);
      return target === undefined || isAlias(target) ? dynamic(place) : convert(target, resolve, depth + 1);
    }
    if (isSeq(node)) {
      return { kind: 'list', place, items: node.items.map((one) => convert(one, resolve, depth + 1)) };
    }
    if (isMap(node)) {
      const entries = node.items.map((pair): Entry => {
        const key = convert(pair.key, resolve, depth + 1);
        return {
          key: key.kind === 'string' ? key.text.text : key.kind === 'bool' ? String(key.bool) : '',
          keyPlace: key.place,
          value:
            pair.value === null
              ? { kind: 'null', place: key.place }
              : convert(pair.value, resolve, depth + 1),
        };
      });
      return { kind: 'object', place, entries };
    }
    if (!isScalar(node)) return { kind: 'null', place };
    const { value } = node;
    // A file's mode is told by its digits.
    if (typeof value === 'number' && /^0[0-7]+$/.test(node.source ?? '')) {
      return stringValue(MappedText.made(node.source!, place), place);
    }
    if (typeof value === 'number') return { kind: 'number', place, number: value };
    if (typeof value === 'boolean') return { kind: 'bool', place, bool: value };
    if (typeof value === 'bigint') return { kind: 'number', place, number: Number(value) };
    if (value === null || value === undefined) return { kind: 'null', place };
    return stringValue(scalarText(node, String(value), place), place);
  };

  return documents.map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new SyntaxProblem(error.message, error.pos[0]);
    return convert(document.contents, (node) => (isAlias(node) ? node.resolve(document) : undefined), 0);
  });
}

function scalarText(node: Scalar, value: string, place: Place): MappedText {
  const { file } = place;
  if (node.type === Scalar.BLOCK_LITERAL) return literalText(value, place);
  const quotes = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE ? 1 : 0;
  const inner = file.place(place.start + quotes, place.end - quotes);
  return file.text.slice(inner.start, inner.end) === value
    ? MappedText.of(inner)
    : MappedText.made(value, place);
}

/** Each line of the value is a line of the file without its indentation. */
function literalText(value: string, place: Place): MappedText {
  const { file } = place;
  let at = file.text.indexOf('\n', place.start) + 1;
  const parts: MappedText[] = [];
  const lines = value.split('\n');
  for (const [number, line] of lines.entries()) {
    const end = file.text.indexOf('\n', at);
    const raw = file.text.slice(at, end < 0 ? file.text.length : end);
    if (line !== '') {
      if (at === 0 || !raw.endsWith(line)) return MappedText.made(value, place);
      const start = at + raw.length - line.length;
      parts.push(MappedText.of(file.place(start, start + line.length)));
    }
    if (number < lines.length - 1) {
      const feed = end < 0 ? file.text.length : end;
      parts.push(MappedText.made('\n', file.place(feed, Math.min(feed + 1, file.text.length))));
    }
    at = end < 0 ? file.text.length : end + 1;
  }
  return MappedText.join(parts);
}
