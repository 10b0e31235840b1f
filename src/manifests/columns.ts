/**
 * Lists of columns that a query format printed, without a heading: which column is what.
 *
 * `dpkg-query -f` and `rpm --qf` let everybody choose fields and order, and the usual recipes (`${Installed-Size}\t
 * ${Package}`, `%{NAME} %{VERSION}-%{RELEASE} %{ARCH} %{SIZE}`, mkosi's six columns) name none. A column is known by
 * what all of its values have in common: architectures are a closed set, versions begin with a digit, sizes are
 * whole numbers that are neither epochs (small) nor times (seconds since 1970, of this century). What two columns
 * claim is nobody's: an unknown size is no harm, a wrong one is.
 */
import { badLine, linesOf } from './manifest.ts';

export type Manager = 'dpkg' | 'rpm' | 'apk' | 'pacman';

export interface Row {
  readonly name: string;
  readonly version: string;
  readonly architecture: string | null;
  /** As printed: dpkg's are KiB, rpm's bytes. */
  readonly size: string | null;
  readonly state: string | null;
}

export interface Table {
  readonly manager: Manager;
  readonly rows: readonly Row[];
  /** Several columns could have been the size, so none was taken. */
  readonly isSizeAmbiguous: boolean;
}

const DPKG_ARCHITECTURES = new Set(
  'all any amd64 arm64 armel armhf i386 mips mipsel mips64el ppc64el riscv64 s390x loong64 x32'.split(' '),
);
const RPM_ARCHITECTURES = new Set(
  'noarch x86_64 x86_64_v2 aarch64 i386 i486 i586 i686 ppc64le ppc64 s390x riscv64 armv7hl loongarch64 (none)'.split(
    ' ',
  ),
);
/** apk's virtual packages begin with a dot. */
const NAME = /^[A-Za-z0-9_.][\w+.~-]*$/;
const SELECTIONS = new Set(['install', 'deinstall', 'hold', 'purge']);
/** rpm's words for a field that is not there. */
const NONE = new Set(['', '(none)']);
/** Epochs count new beginnings: 9 is a lot. */
const MAX_EPOCH = 99;
/** 1979 as a time, 286 MiB as a size: every package of a list cannot be that large. */
const MIN_TIME = 300_000_000;

/** Some versions begin with a letter (`vim-common r1`), hardly a name with a digit. */
const VERSIONS = 0.8;

/** Packages that only one manager's system has, and every one of its systems. */
const ANCHORS: Readonly<Record<Manager, readonly string[]>> = {
  dpkg: ['dpkg', 'base-files', 'libc6'],
  rpm: ['rpm', 'glibc-common', 'rpm-libs', 'basesystem', 'redhat-release', 'openSUSE-release'],
  apk: ['apk-tools', 'alpine-baselayout', 'musl'],
  pacman: ['pacman'],
};

/** The manager whose own packages are among the names; null when none's or several's are. */
export function managerByNames(names: Iterable<string>): Manager | null {
  const found = new Set(names);
  const managers = (Object.keys(ANCHORS) as Manager[]).filter((one) =>
    ANCHORS[one].some((name) => found.has(name)),
  );
  return managers.length === 1 ? managers[0]! : null;
}

/** Whose packages a list of mere names holds (`${Package}`, `%{NAME}`, `apk info`, `pacman -Qq`), or null. */
export function recogniseNames(sample: readonly string[]): Manager | null {
  return sample.every((line) => isName(line.trim()))
    ? managerByNames(sample.map((line) => line.trim()))
    : null;
}

/** Name, epoch, version, release and architecture of `bash-5.1.8-6.el9.x86_64`; null for what is none. */
export function parseNevra(
  text: string,
): { name: string; version: string; architecture: string | null } | null {
  const key = /^(gpg-pubkey)-([0-9a-f]+-[0-9a-f]+)(?:\.\(none\))?$/.exec(text);
  if (key !== null) return { name: key[1]!, version: key[2]!, architecture: null };
  const dot = text.lastIndexOf('.');
  const architecture = text.slice(dot + 1);
  if (dot < 0 || !RPM_ARCHITECTURES.has(architecture)) return null;
  const release = text.lastIndexOf('-', dot);
  const version = release < 0 ? -1 : text.lastIndexOf('-', release - 1);
  if (version <= 0) return null;
  const name = text.slice(0, version);
  if (!NAME.test(name)) return null;
  return { name, version: text.slice(version + 1, dot), architecture };
}

const SEPARATORS: readonly (string | RegExp)[] = ['\t', '|', ';', ',', /[ \t]+/];

/** Padded columns begin and end with blanks; between tabs a field may be empty. */
function split(line: string, separator: string | RegExp): string[] {
  return (typeof separator === 'string' ? line : line.trim()).split(separator).map((field) => field.trim());
}

interface Layout {
  readonly separator: string | RegExp;
  readonly width: number;
  readonly name: number;
  readonly isNevra: boolean;
  readonly version: readonly number[];
  readonly architecture: number;
  readonly size: number;
  readonly selection: number;
  readonly isSizeAmbiguous: boolean;
}

/** Which separator gives every line the same columns, at least two. */
function separatorOf(lines: readonly string[]): { separator: string | RegExp; width: number } | null {
  for (const separator of SEPARATORS) {
    const width = split(lines[0]!, separator).length;
    if (width >= 2 && width <= 12 && lines.every((line) => split(line, separator).length === width)) {
      return { separator, width };
    }
  }
  return null;
}

function layoutOf(lines: readonly string[]): Layout | null {
  if (lines.length === 0) return null;
  const separation = separatorOf(lines);
  if (separation === null) return null;
  const { separator, width } = separation;
  const columns: string[][] = Array.from({ length: width }, () => []);
  for (const line of lines)
    for (const [index, field] of split(line, separator).entries()) columns[index]!.push(field);
  const every = (index: number, holds: (value: string) => boolean): boolean => columns[index]!.every(holds);
  const indexes = columns.map((_, index) => index);
  const architecture = indexes.findIndex((index) =>
    every(index, (value) => DPKG_ARCHITECTURES.has(value) || RPM_ARCHITECTURES.has(value)),
  );
  const selection = indexes.findIndex((index) => every(index, (value) => SELECTIONS.has(value)));
  const isNumber = (index: number): boolean =>
    every(index, (value) => NONE.has(value) || /^\d+$/.test(value)) &&
    columns[index]!.some((value) => /^\d+$/.test(value));
  const numbersIn = (index: number): number[] =>
    columns[index]!.filter((value) => !NONE.has(value)).map(Number);
  const isTimes = (index: number): boolean => {
    const numbers = isNumber(index) ? numbersIn(index) : [];
    return numbers.some((one) => one > 0) && numbers.every((one) => one === 0 || one >= MIN_TIME);
  };
  const sizes = indexes.filter(
    (index) =>
      index !== architecture &&
      isNumber(index) &&
      !isTimes(index) &&
      numbersIn(index).some((one) => one > MAX_EPOCH),
  );
  const words = indexes.filter((index) => index !== architecture && index !== selection && !isNumber(index));
  const nevra = words.find((index) => every(index, (value) => parseNevra(value) !== null));
  const startsWithDigit = (index: number): boolean =>
    columns[index]!.filter((value) => /^\d/.test(value)).length >= columns[index]!.length * VERSIONS;
  /** The version, and beside it rpm's release: that may be whole numbers only, as an epoch before it is. */
  const versionColumns = (): number[] => {
    const first = words.find((index) => index !== name && startsWithDigit(index));
    if (first === undefined) return [];
    const next = first + 1;
    const isRelease =
      next < width &&
      next !== name &&
      next !== architecture &&
      !sizes.includes(next) &&
      startsWithDigit(next);
    return isRelease && !isTimes(next) ? [first, next] : [first];
  };
  const name = nevra ?? words.find((index) => every(index, isName) && !startsWithDigit(index));
  if (name === undefined) return null;
  const version = nevra === undefined ? versionColumns() : [];
  if (nevra === undefined && version.length === 0 && sizes.length === 0 && selection < 0) return null;
  return {
    separator,
    width,
    name,
    isNevra: nevra !== undefined,
    version,
    architecture,
    size: sizes.length === 1 ? sizes[0]! : -1,
    selection,
    isSizeAmbiguous: sizes.length > 1,
  };
}

/** `libc6` or `libc6:amd64`. */
function isName(value: string): boolean {
  const [name, qualifier, more] = value.split(':');
  return (
    NAME.test(name!) && more === undefined && (qualifier === undefined || DPKG_ARCHITECTURES.has(qualifier))
  );
}

function rowOf(fields: readonly string[], layout: Layout): Row | null {
  const field = (index: number): string | null => {
    const value = index < 0 ? null : fields[index]!;
    return value === null || NONE.has(value) ? null : value;
  };
  const text = fields[layout.name]!;
  const nevra = layout.isNevra ? parseNevra(text) : null;
  if (layout.isNevra ? nevra === null : !isName(text)) return null;
  const size = field(layout.size);
  if (size !== null && !/^\d+$/.test(size)) return null;
  const [name, qualifier] = text.split(':') as [string, string?];
  return {
    name: nevra?.name ?? name,
    version: nevra?.version ?? layout.version.flatMap((index) => field(index) ?? []).join('-'),
    architecture: nevra?.architecture ?? field(layout.architecture) ?? qualifier ?? null,
    size,
    state: field(layout.selection) === 'deinstall' ? 'config-files' : null,
  };
}

function managerOf(rows: readonly Row[], layout: Layout): Manager | null {
  if (layout.isNevra) return 'rpm';
  const architectures = rows.flatMap((row) => row.architecture ?? []);
  const only = (set: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
    architectures.every((one) => set.has(one)) && architectures.some((one) => !other.has(one));
  if (layout.selection >= 0 || only(DPKG_ARCHITECTURES, RPM_ARCHITECTURES)) return 'dpkg';
  if (only(RPM_ARCHITECTURES, DPKG_ARCHITECTURES)) return 'rpm';
  const byNames = managerByNames(rows.map((row) => row.name));
  if (byNames !== null) return byNames;
  if (layout.version.length === 0) return null;
  if (rows.every((row) => /-r\d+$/.test(row.version))) return 'apk';
  // What dpkg-query prints unless it is told otherwise.
  if (layout.separator === '\t' && layout.width === 2 && layout.name === 0) return 'dpkg';
  return rows.every((row) => /-\d+(?:\.\d+)?$/.test(row.version)) ? 'pacman' : null;
}

/** What the sample is a list of, or null; the whole is then read by `readTable`. */
export function recogniseTable(sample: readonly string[]): Manager | null {
  const names = recogniseNames(sample);
  if (names !== null) return names;
  const layout = layoutOf(sample);
  if (layout === null) return null;
  const rows = sample.map((line) => rowOf(split(line, layout.separator), layout));
  return rows.every((row) => row !== null) ? managerOf(rows as Row[], layout) : null;
}

/**
 * The whole list. What a column is follows from all of its lines, not only from the sample.
 * @throws ImgoptError `corrupt` for the first line that the others leave no place for
 */
export function readTable(text: string, manager: Manager): Table {
  const lines = [...linesOf(text)];
  const plain = lines.map(({ line }) => line);
  if (recogniseNames(plain.slice(0, LONG_SAMPLE_LINES)) === manager) {
    const rows = lines.map(({ line, number }): Row => {
      const [name, qualifier] = line.trim().split(':') as [string, string?];
      if (!isName(line.trim())) throw badLine(number, line);
      return { name, version: '', architecture: qualifier ?? null, size: null, state: null };
    });
    return { manager, rows, isSizeAmbiguous: false };
  }
  let layout = layoutOf(plain);
  if (layout === null) {
    // Something in it does not fit: the beginning did, so it says what the rest should look like.
    layout = layoutOf(plain.slice(0, SAMPLE_LINES));
    if (layout === null) throw badLine(lines[0]?.number ?? 1, lines[0]?.line ?? '');
  }
  const found = layout;
  const rows = lines.map(({ line, number }) => {
    const fields = split(line, found.separator);
    const row = fields.length === found.width ? rowOf(fields, found) : null;
    if (row === null) throw badLine(number, line);
    return row;
  });
  return { manager: managerOf(rows, found) ?? manager, rows, isSizeAmbiguous: found.isSizeAmbiguous };
}

/** Lines by which a list is recognised. */
export const SAMPLE_LINES = 64;
/** And when those do not tell: in lists of mere names a manager's own package must be among them. */
export const LONG_SAMPLE_LINES = 1024;
