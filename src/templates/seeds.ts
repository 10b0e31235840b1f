/**
 * What an installer or the first boot reads: kickstart (pykickstart's syntax), preseed (debconf-set-selections), and
 * cloud-config with Ubuntu's autoinstall in it. Each becomes the same facts: packages, passwords, whether passwords
 * log in over SSH, addresses, and the scripts inside.
 */
import type { Parser } from 'web-tree-sitter';
import { ShellScript } from './shell/script.ts';
import { SyntaxProblem } from './syntax/json.ts';
import { parseYaml } from './syntax/yaml.ts';
import { HOLE, MappedText, type Place, SourceFile } from './text.ts';
import { isUnset, itemsOf, member, staticText, truth, type Value } from './value.ts';

export type SeedKind = 'kickstart' | 'preseed' | 'cloud-init';

export interface Password {
  readonly user: string;
  readonly place: Place;
  /** The text itself; null where it is hashed. */
  readonly plain: string | null;
}

export interface Seed {
  readonly kind: SeedKind;
  readonly path: string;
  readonly scripts: readonly ShellScript[];
  readonly packages: readonly { readonly name: string; readonly place: Place }[];
  readonly passwords: readonly Password[];
  /** Where passwords are let in over SSH. */
  readonly passwordLogin: readonly Place[];
  readonly addresses: readonly { readonly url: string; readonly place: Place }[];
  readonly modes: readonly { readonly mode: string; readonly path: string; readonly place: Place }[];
  /** Mount points that the installer makes filesystems for. */
  readonly mounts: readonly string[];
  /** The system is brought up to date. */
  readonly upgrades: boolean;
  readonly broken: readonly { readonly place: Place; readonly message: string }[];
}

type Draft = { -readonly [K in keyof Seed]: Seed[K] extends readonly (infer Item)[] ? Item[] : Seed[K] };

/** What kind of file a text is; undefined for none of these. */
export function seedKind(text: string): SeedKind | undefined {
  const start = text.replace(/^\ufeff/, '').trimStart();
  if (/^(?:#cloud-config|## *template: *jinja\s+#cloud-config|autoinstall:)/.test(start)) return 'cloud-init';
  let kickstart = 0;
  for (const line of text.slice(0, 64 * 1024).split('\n')) {
    const [first, second] = line.trim().split(/\s+/);
    if (first === 'd-i' && second?.includes('/')) return 'preseed';
    if (first === '%packages' || first === '%post' || first === '%pre') return 'kickstart';
    if (first !== undefined && KICKSTART_COMMANDS.has(first)) kickstart++;
  }
  return kickstart >= 3 ? 'kickstart' : undefined;
}

const KICKSTART_COMMANDS = new Set([
  'autopart',
  'bootloader',
  'clearpart',
  'firewall',
  'keyboard',
  'lang',
  'network',
  'rootpw',
  'selinux',
  'timezone',
  'url',
  'zerombr',
]);

/** Reads a seed. @throws ImgoptError `unsupported` for nesting or sizes beyond our bounds */
export function readSeed(parser: Parser, kind: SeedKind, path: string, text: MappedText): Seed {
  const seed: Draft = {
    kind,
    path,
    scripts: [],
    packages: [],
    passwords: [],
    passwordLogin: [],
    addresses: [],
    modes: [],
    mounts: [],
    upgrades: false,
    broken: [],
  };
  if (kind === 'kickstart') readKickstart(parser, text, seed);
  else if (kind === 'preseed') readPreseed(parser, text, seed);
  else readCloudInit(parser, text, seed);
  return seed;
}

interface Line {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function* linesOf(text: string): Iterable<Line> {
  let start = 0;
  while (start <= text.length) {
    const feed = text.indexOf('\n', start);
    const end = feed < 0 ? text.length : feed;
    yield { text: text.slice(start, end), start, end };
    if (feed < 0) return;
    start = feed + 1;
  }
}

/** Words of a line as a shell's splitting makes them, with their places in it. */
function wordsOf(line: Line): { text: string; start: number; end: number }[] {
  const words: { text: string; start: number; end: number }[] = [];
  const pattern = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/g;
  for (const match of line.text.matchAll(pattern)) {
    const start = line.start + match.index;
    const text = match[0].replace(
      /"((?:[^"\\]|\\.)*)"|'([^']*)'/g,
      (_, a?: string, b?: string) => a ?? b ?? '',
    );
    if (text.startsWith('#')) break;
    words.push({ text, start, end: start + match[0].length });
  }
  return words;
}

/** The value of `--name=value` or `--name value`. */
function option(words: readonly { text: string }[], name: string): string | undefined {
  for (const [index, { text }] of words.entries()) {
    if (text.startsWith(`--${name}=`)) return text.slice(name.length + 3);
    if (text === `--${name}`) return words[index + 1]?.text;
  }
  return undefined;
}

function readKickstart(parser: Parser, text: MappedText, seed: Draft): void {
  let section: { name: string; start: number; isShell: boolean } | undefined;
  const has = (words: readonly { text: string }[], name: string) =>
    words.some((one) => one.text === `--${name}`);
  for (const line of linesOf(text.text)) {
    const trimmed = line.text.trim();
    if (section !== undefined) {
      if (trimmed !== '%end' && !/^%(?:packages|pre|post|addon|onerror)\b/.test(trimmed)) {
        if (section.name === '%packages') {
          const [word] = wordsOf(line);
          const place = word === undefined ? undefined : text.placeOf(word.start, word.end);
          if (
            word !== undefined &&
            place !== undefined &&
            /^[A-Za-z0-9]/.test(word.text) &&
            !word.text.includes(HOLE)
          ) {
            seed.packages.push({ name: word.text, place });
          }
        }
        continue;
      }
      if (section.isShell && line.start > section.start) {
        seed.scripts.push(new ShellScript(parser, text.slice(section.start, line.start)));
      }
      section = undefined;
      if (trimmed === '%end') continue;
    }
    const words = wordsOf(line);
    const [first, ...args] = words;
    if (first === undefined) continue;
    if (first.text.startsWith('%')) {
      const interpreter = option(args, 'interpreter') ?? '/bin/sh';
      const isShell =
        /^%(?:pre|post|onerror|pre-install|traceback)$/.test(first.text) && /sh$/.test(interpreter);
      section = { name: first.text, start: Math.min(line.end + 1, text.text.length), isShell };
      continue;
    }
    const place = text.placeOf(first.start, words.at(-1)!.end);
    if (place === undefined) continue;
    if (first.text === 'rootpw' || first.text === 'sshpw') {
      const plain = args.find((one) => !one.text.startsWith('--'))?.text;
      if (plain !== undefined && !has(args, 'lock')) {
        seed.passwords.push({
          user: option(args, 'username') ?? 'root',
          place,
          plain: has(args, 'iscrypted') ? null : plain,
        });
      }
    } else if (first.text === 'user') {
      const password = option(args, 'password');
      if (password !== undefined) {
        seed.passwords.push({
          user: option(args, 'name') ?? '',
          place,
          plain: has(args, 'iscrypted') ? null : password,
        });
      }
    } else if (/^(?:part|partition|logvol|raid|btrfs)$/.test(first.text)) {
      const mount = args.find((one) => one.text.startsWith('/'))?.text;
      if (mount !== undefined) seed.mounts.push(mount);
    } else if (first.text === 'url' || first.text === 'repo') {
      const url = option(args, 'url') ?? option(args, 'baseurl') ?? option(args, 'mirrorlist');
      if (url !== undefined) seed.addresses.push({ url, place });
    }
  }
  if (section?.isShell && section.start < text.text.length) {
    seed.scripts.push(new ShellScript(parser, text.slice(section.start, text.text.length)));
  }
}

function readPreseed(parser: Parser, text: MappedText, seed: Draft): void {
  // A line that ends with a backslash goes on.
  let pending: { text: string; start: number } | undefined;
  for (const line of linesOf(text.text)) {
    const whole = pending === undefined ? line.text : `${pending.text}\n${line.text}`;
    const start = pending?.start ?? line.start;
    if (whole.endsWith('\\')) {
      pending = { text: whole, start };
      continue;
    }
    pending = undefined;
    const match = /^\s*([^\s#]\S*)\s+(\S+)\s+(\S+)(?:[ \t]?([\s\S]*))?$/.exec(whole);
    if (match === null) continue;
    const [all, , key = '', type = '', value = ''] = match;
    const from = start + all.length - value.length;
    const place = text.placeOf(start + all.search(/\S/), start + all.length);
    if (place === undefined) continue;
    preseedEntry(parser, text, seed, { key, type, value, from, place });
  }
}

function preseedEntry(
  parser: Parser,
  text: MappedText,
  seed: Draft,
  entry: { key: string; type: string; value: string; from: number; place: Place },
): void {
  const { key, type, value, from, place } = entry;
  const plain = value.replaceAll('\\\n', ' ').trim();
  if (key === 'preseed/late_command' || key === 'preseed/early_command' || key === 'partman/early_command') {
    seed.scripts.push(new ShellScript(parser, text.slice(from, from + value.length)));
  } else if (key === 'pkgsel/include') {
    for (const match of value.matchAll(/[^\s\\,]+/g)) {
      const at = text.placeOf(from + match.index, from + match.index + match[0].length);
      if (at !== undefined && !match[0].includes(HOLE)) seed.packages.push({ name: match[0], place: at });
    }
  } else if (type === 'password' && plain !== '' && key.startsWith('passwd/') && !key.endsWith('-again')) {
    const user = key.startsWith('passwd/root') ? 'root' : '';
    seed.passwords.push({ user, place, plain: key.endsWith('-crypted') ? null : plain });
  } else if (key === 'pkgsel/upgrade') {
    if (/upgrade$/.test(plain)) seed.upgrades = true;
  } else if (/^apt-setup\/local\d+\/repository$/.test(key)) {
    const url = plain.split(/\s+/).find((one) => one.includes('://'));
    if (url !== undefined) seed.addresses.push({ url, place });
  }
}

function readCloudInit(parser: Parser, text: MappedText, seed: Draft): void {
  const whole = text.placeOf(0, text.text.length);
  if (whole === undefined) return;
  // The parser needs a file; a text that was made has one of its own, whose places lead to where it came from.
  const file = new MappedFile(whole.file.path, text);
  let documents: Value[];
  try {
    documents = parseYaml(file);
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    seed.broken.push({ place: file.place(error.offset, error.offset), message: error.message });
    return;
  }
  for (const document of documents) cloudConfig(parser, document, seed);
}

/** A text from several places, as a file. */
class MappedFile extends SourceFile {
  private readonly source: MappedText;
  constructor(path: string, source: MappedText) {
    super(path, source.text);
    this.source = source;
  }
  override place(start: number, end: number): Place {
    return this.source.placeOf(start, end) ?? { file: this, start, end };
  }
  override mapped(start: number, end: number): MappedText {
    return this.source.slice(start, end);
  }
}

function cloudConfig(parser: Parser, root: Value, seed: Draft): void {
  const installer = member(root, 'autoinstall');
  if (installer !== undefined) autoinstall(parser, installer, seed);
  for (const key of ['runcmd', 'bootcmd']) commands(parser, member(root, key), seed);
  for (const one of itemsOf(member(root, 'packages'))) {
    const named = one.kind === 'list' ? one.items[0] : one;
    const name = staticText(named);
    if (name !== undefined && named !== undefined) seed.packages.push({ name, place: named.place });
  }
  if (truth(member(root, 'package_upgrade')) === true || truth(member(root, 'apt_upgrade')) === true) {
    seed.upgrades = true;
  }
  const login = member(root, 'ssh_pwauth');
  if (login !== undefined && truth(login) === true) seed.passwordLogin.push(login.place);
  const add = (user: string, value: Value | undefined, isPlain: boolean): void => {
    const plain = staticText(value);
    if (value === undefined || plain === undefined || plain === '') return;
    seed.passwords.push({
      user,
      place: value.place,
      plain: isPlain && !plain.startsWith('$') ? plain : null,
    });
  };
  add('', member(root, 'password'), true);
  for (const user of itemsOf(member(root, 'users'))) {
    const name = staticText(member(user, 'name')) ?? '';
    add(name, member(user, 'plain_text_passwd'), true);
    add(name, member(user, 'passwd') ?? member(user, 'hashed_passwd'), false);
  }
  const changes = member(root, 'chpasswd');
  for (const user of itemsOf(member(changes, 'users'))) {
    add(
      staticText(member(user, 'name')) ?? '',
      member(user, 'password'),
      staticText(member(user, 'type')) === 'text',
    );
  }
  for (const line of itemsOf(member(changes, 'list'))) {
    const text = staticText(line) ?? '';
    for (const one of text.split('\n')) {
      const [user, password] = one.split(':');
      if (password !== undefined && password !== '' && password !== 'RANDOM') {
        seed.passwords.push({
          user: user!.trim(),
          place: line.place,
          plain: password.startsWith('$') ? null : password,
        });
      }
    }
  }
  for (const file of itemsOf(member(root, 'write_files'))) {
    const mode = member(file, 'permissions');
    const text = staticText(mode);
    if (mode !== undefined && text !== undefined) {
      seed.modes.push({ mode: text, path: staticText(member(file, 'path')) ?? '', place: mode.place });
    }
  }
}

function autoinstall(parser: Parser, root: Value, seed: Draft): void {
  for (const key of ['early-commands', 'late-commands']) commands(parser, member(root, key), seed);
  for (const one of itemsOf(member(root, 'packages'))) {
    const name = staticText(one);
    if (name !== undefined) seed.packages.push({ name, place: one.place });
  }
  const login = member(member(root, 'ssh'), 'allow-pw');
  if (login !== undefined && truth(login) === true) seed.passwordLogin.push(login.place);
  const password = member(member(root, 'identity'), 'password');
  const text = staticText(password);
  if (password !== undefined && text !== undefined && text !== '') {
    const user = staticText(member(member(root, 'identity'), 'username')) ?? '';
    seed.passwords.push({ user, place: password.place, plain: text.startsWith('$') ? null : text });
  }
  if (staticText(member(root, 'updates')) === 'all') seed.upgrades = true;
  const user = member(root, 'user-data');
  if (user !== undefined && !isUnset(user)) cloudConfig(parser, user, seed);
}

/** A list of commands: texts for a shell, or lists of words. */
function commands(parser: Parser, value: Value | undefined, seed: Draft): void {
  if (value?.kind !== 'list') return;
  for (const one of value.items) {
    if (one.kind === 'string') seed.scripts.push(new ShellScript(parser, one.text));
    else if (one.kind === 'list') {
      const words = one.items.map((item) => staticText(item) ?? HOLE);
      // [sh, -c, text]: the text is the script.
      const last = one.items.at(-1);
      if (
        /(?:^|\/)(?:ba|da)?sh$/.test(words[0] ?? '') &&
        /^-[a-z]*c$/.test(words[1] ?? '') &&
        last?.kind === 'string'
      ) {
        seed.scripts.push(new ShellScript(parser, last.text));
      } else {
        const quoted = words.map((word) =>
          /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
        );
        seed.scripts.push(new ShellScript(parser, MappedText.made(quoted.join(' '), one.place)));
      }
    }
  }
}
