/**
 * Legacy JSON templates: builders, provisioners, post-processors. Their strings are Go templates; of those, user
 * variables and `template_dir` are known here, and what the build fills in (`{{ .Path }}`, `{{ .Vars }}`) stays as it
 * stands, because rules know these names.
 */
import {
  Block,
  type Build,
  type Provisioner,
  type Setting,
  type Source,
  type Template,
  type Variable,
} from './model.ts';
import { HOLE, MappedText, type Place, type SourceFile } from './text.ts';
import { entryOf, member, staticText, stringValue, type Value } from './value.ts';

/** True for JSON that Packer would take for a legacy template. */
export function isLegacyTemplate(value: Value): boolean {
  return member(value, 'builders')?.kind === 'list';
}

/** @param folder the template's own */
export function readLegacy(
  file: SourceFile,
  root: Value,
  folder: string,
  variableFiles: readonly Value[] = [],
): Template {
  const declared = member(root, 'variables');
  const sensitive = member(root, 'sensitive-variables');
  const hidden = new Set(sensitive?.kind === 'list' ? sensitive.items.map(staticText) : []);
  const given = new Map<string, Value>();
  for (const values of variableFiles) {
    if (values.kind === 'object') for (const { key, value } of values.entries) given.set(key, value);
  }
  const user = new Map<string, Value>();
  const variables: Variable[] = [];
  const resolve = (value: Value): Value => render(value, user, folder);
  if (declared?.kind === 'object') {
    for (const { key, keyPlace, value } of declared.entries) {
      // Defaults may read the environment and earlier variables.
      const known = resolve(given.get(key) ?? value);
      // Null: it must be given.
      if (known.kind !== 'null') user.set(key, known);
      variables.push({
        name: key,
        place: file.place(keyPlace.start, value.place.end),
        value: known.kind === 'null' ? undefined : known,
        isSensitive: hidden.has(key),
      });
    }
  }
  const sources = listOf(root, 'builders').map((one): Source => {
    const block = toBlock('source', resolve(one), keyPlaceOf(root, 'builders') ?? one.place);
    const type = staticText(block.value('type')) ?? '';
    return { type, name: staticText(block.value('name')) ?? type, block, overrides: null };
  });
  const postProcessors = listOf(root, 'post-processors').map((one) =>
    (one.kind === 'list' ? one.items : [one]).map((each) => postProcessor(resolve(each))),
  );
  const provisioners = listOf(root, 'provisioners').map((one): Provisioner => {
    const block = toBlock('provisioner', resolve(one), one.place);
    return { type: staticText(block.value('type')) ?? '', block };
  });
  const header = keyPlaceOf(root, 'builders') ?? file.place(0, 0);
  const build: Build = {
    name: null,
    place: root.place,
    header,
    sources,
    hasDynamicSources: false,
    provisioners,
    postProcessors,
  };
  return {
    language: 'legacy',
    files: [file],
    folder,
    builds: [build],
    sources,
    variables,
    locals: [],
    plugins: null,
  };
}

function keyPlaceOf(value: Value, key: string): Place | undefined {
  return entryOf(value, key)?.keyPlace;
}

function listOf(root: Value, key: string): readonly Value[] {
  const value = member(root, key);
  return value?.kind === 'list' ? value.items : [];
}

function postProcessor(value: Value): Block {
  if (value.kind === 'object') {
    const block = toBlock('post-processor', value, value.place);
    return new Block({ ...block, labels: [staticText(block.value('type')) ?? ''] });
  }
  return new Block({
    type: 'post-processor',
    labels: [staticText(value) ?? ''],
    place: value.place,
    header: value.place,
    settings: [],
    blocks: [],
  });
}

/** Objects inside are blocks as well as values: what HCL2 writes as a block is an object here. */
function toBlock(type: string, value: Value, otherwise: Place): Block {
  const entries = value.kind === 'object' ? value.entries : [];
  const settings = entries.map(
    ({ key, keyPlace, value: inner }): Setting => ({
      name: key,
      place: keyPlace.file.place(keyPlace.start, Math.max(keyPlace.end, inner.place.end)),
      namePlace: keyPlace,
      value: inner,
    }),
  );
  const blocks = entries.flatMap(({ key, value: inner }) => {
    const items = inner.kind === 'list' ? inner.items : [inner];
    return items.filter((one) => one.kind === 'object').map((one) => toBlock(key, one, one.place));
  });
  const first = settings.find((one) => one.name === 'type')?.place;
  return new Block({
    type,
    labels: [],
    place: value.kind === 'object' ? value.place : otherwise,
    header: first ?? otherwise,
    settings,
    blocks,
  });
}

/** Replaces what is known in the strings of a value. */
function render(value: Value, user: ReadonlyMap<string, Value>, folder: string): Value {
  switch (value.kind) {
    case 'string':
      return renderString(value, user, folder);
    case 'list':
      return { ...value, items: value.items.map((one) => render(one, user, folder)) };
    case 'object':
      return {
        ...value,
        entries: value.entries.map((entry) => ({ ...entry, value: render(entry.value, user, folder) })),
      };
    default:
      return value;
  }
}

function renderString(
  value: Extract<Value, { kind: 'string' }>,
  user: ReadonlyMap<string, Value>,
  folder: string,
): Value {
  const { text } = value.text;
  if (!text.includes('{{')) return value;
  const parts: MappedText[] = [];
  let at = 0;
  for (const { start, end, words } of goActions(text)) {
    const made = actionText(words, user, folder);
    if (made === undefined) continue;
    if (start > at) parts.push(value.text.slice(at, start));
    const place = value.text.placeOf(start, end) ?? value.place;
    parts.push(MappedText.made(made, place));
    at = end;
  }
  if (at === 0) return value;
  if (at < text.length) parts.push(value.text.slice(at, text.length));
  return stringValue(MappedText.join(parts), value.place);
}

/** What an action stands for; undefined leaves it as it is. */
function actionText(
  words: readonly string[],
  user: ReadonlyMap<string, Value>,
  folder: string,
): string | undefined {
  const [name, argument] = words;
  if (name === undefined || name.startsWith('.')) return undefined;
  if (name === 'user' && argument !== undefined && words.length === 2) {
    const value = user.get(argument);
    if (value?.kind === 'string') return value.text.text;
    return staticText(value) ?? HOLE;
  }
  if (name === 'template_dir') return folder;
  if (name === 'pwd') return '.';
  return HOLE;
}

/** The actions of a Go template: `{{ user `x` }}` as its words, strings without their quotes. */
export function* goActions(text: string): Iterable<{ start: number; end: number; words: string[] }> {
  for (let start = text.indexOf('{{'); start >= 0; ) {
    let at = start + 2;
    const words: string[] = [];
    let word = '';
    const close = (): void => {
      if (word !== '') words.push(word);
      word = '';
    };
    while (at < text.length && !text.startsWith('}}', at)) {
      const character = text[at]!;
      if (character === '`' || character === '"') {
        const end = text.indexOf(character, at + 1);
        if (end < 0) return;
        words.push(text.slice(at + 1, end));
        at = end + 1;
        continue;
      }
      if (/\s/.test(character)) close();
      else if (character !== '-' || word !== '') word += character;
      at++;
    }
    if (at >= text.length) return;
    close();
    yield { start, end: at + 2, words };
    start = text.indexOf('{{', at + 2);
  }
}
