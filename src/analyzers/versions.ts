/**
 * Which of two versions is newer: each manager has its own answer, and `1.0~rc1` or `2.0^git1` differ between them.
 * Sources: deb-version(7) and dpkg's lib/dpkg/version.c for dpkg, rpm's rpmio/rpmvercmp.c for rpm and pacman (whose
 * copy knows no `~` and `^`), apk-tools' src/version.c for apk.
 */
import type { VersionRelation } from '../core/contracts/package.ts';

const isDigit = (code: number): boolean => code >= 48 && code <= 57;
const isLetter = (code: number): boolean => (code >= 65 && code <= 90) || (code >= 97 && code <= 122);

/** Digits by value, whatever their number: leading zeros away, then the longer, then by text. */
function compareDigits(a: string, b: string): number {
  const x = a.replace(/^0+/, '');
  const y = b.replace(/^0+/, '');
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}

/** dpkg's order of what is no digit: `~` before the end, the end before letters, letters before the rest. */
function dpkgOrder(code: number): number {
  if (Number.isNaN(code) || isDigit(code)) return 0;
  if (isLetter(code)) return code;
  return code === 0x7e ? -1 : code + 256;
}

function compareDpkgPart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a.charCodeAt(i))) || (j < b.length && !isDigit(b.charCodeAt(j)))) {
      const difference = dpkgOrder(a.charCodeAt(i)) - dpkgOrder(b.charCodeAt(j));
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    const fromI = i;
    const fromJ = j;
    while (isDigit(a.charCodeAt(i))) i++;
    while (isDigit(b.charCodeAt(j))) j++;
    const difference = compareDigits(a.slice(fromI, i), b.slice(fromJ, j));
    if (difference !== 0) return difference;
  }
  return 0;
}

interface Version {
  readonly epoch: string;
  readonly upstream: string;
  /** Null where none is given. */
  readonly revision: string | null;
}

/** `epoch:upstream-revision`; the last hyphen counts. */
function split(version: string): Version {
  const colon = version.indexOf(':');
  const epoch = colon < 0 ? '0' : version.slice(0, colon);
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf('-');
  return hyphen < 0
    ? { epoch, upstream: rest, revision: null }
    : { epoch, upstream: rest.slice(0, hyphen), revision: rest.slice(hyphen + 1) };
}

/** As `dpkg --compare-versions`: below 0, 0 or above 0. */
export function compareDpkg(a: string, b: string): number {
  const x = split(a);
  const y = split(b);
  return (
    compareDigits(x.epoch, y.epoch) ||
    compareDpkgPart(x.upstream, y.upstream) ||
    compareDpkgPart(x.revision ?? '0', y.revision ?? '0')
  );
}

/** One part of a version by rpm's algorithm. `marks`: `~` sorts before the end and `^` after it (rpm, not pacman). */
export function rpmvercmp(a: string, b: string, marks = true): number {
  if (a === b) return 0;
  let i = 0;
  let j = 0;
  const isMark = (code: number): boolean => marks && (code === 0x7e || code === 0x5e);
  const isSeparator = (code: number): boolean =>
    !Number.isNaN(code) && !isDigit(code) && !isLetter(code) && !isMark(code);
  while (i < a.length || j < b.length) {
    while (isSeparator(a.charCodeAt(i))) i++;
    while (isSeparator(b.charCodeAt(j))) j++;
    if (marks) {
      const x = a[i];
      const y = b[j];
      if (x === '~' || y === '~') {
        if (x !== '~') return 1;
        if (y !== '~') return -1;
        i++;
        j++;
        continue;
      }
      if (x === '^' || y === '^') {
        if (x === undefined) return -1;
        if (y === undefined) return 1;
        if (x !== '^') return 1;
        if (y !== '^') return -1;
        i++;
        j++;
        continue;
      }
    }
    if (i >= a.length || j >= b.length) break;
    const fromI = i;
    const fromJ = j;
    const numeric = isDigit(a.charCodeAt(i));
    const belongs = numeric ? isDigit : isLetter;
    while (belongs(a.charCodeAt(i))) i++;
    while (belongs(b.charCodeAt(j))) j++;
    if (j === fromJ) return numeric ? 1 : -1; // of different kinds: a number is newer than letters
    const x = a.slice(fromI, i);
    const y = b.slice(fromJ, j);
    const difference = numeric ? compareDigits(x, y) : x < y ? -1 : x > y ? 1 : 0;
    if (difference !== 0) return difference;
  }
  if (i >= a.length && j >= b.length) return 0;
  return i >= a.length ? -1 : 1;
}

function compareRpmLike(a: string, b: string, marks: boolean): number {
  const x = split(a);
  const y = split(b);
  const base = compareDigits(x.epoch || '0', y.epoch || '0') || rpmvercmp(x.upstream, y.upstream, marks);
  // "=1.0" asks for any release of it.
  if (base !== 0 || x.revision === null || y.revision === null) return base;
  return rpmvercmp(x.revision, y.revision, marks);
}

/** `[epoch:]version[-release]` as rpm compares dependencies. */
export function compareRpm(a: string, b: string): number {
  return compareRpmLike(a, b, true);
}

/** As `vercmp` of pacman, whose own part ends with letters before nothing: `1.0rc` is older than `1.0`. */
export function comparePacman(a: string, b: string): number {
  const x = split(a);
  const y = split(b);
  const base = compareDigits(x.epoch || '0', y.epoch || '0') || alpmPart(x.upstream, y.upstream);
  if (base !== 0 || x.revision === null || y.revision === null) return base;
  return alpmPart(x.revision, y.revision);
}

/** libalpm's rpmvercmp (lib/libalpm/version.c): separators' lengths count, a remaining letter makes it older. */
function alpmPart(a: string, b: string): number {
  if (a === b) return 0;
  let i = 0;
  let j = 0;
  const isAlnum = (code: number): boolean => isDigit(code) || isLetter(code);
  while (i < a.length && j < b.length) {
    const separatorI = i;
    const separatorJ = j;
    while (i < a.length && !isAlnum(a.charCodeAt(i))) i++;
    while (j < b.length && !isAlnum(b.charCodeAt(j))) j++;
    if (i >= a.length || j >= b.length) break;
    const separators = i - separatorI - (j - separatorJ);
    if (separators !== 0) return separators;
    const fromI = i;
    const fromJ = j;
    const numeric = isDigit(a.charCodeAt(i));
    const belongs = numeric ? isDigit : isLetter;
    while (belongs(a.charCodeAt(i))) i++;
    while (belongs(b.charCodeAt(j))) j++;
    if (j === fromJ) return numeric ? 1 : -1;
    const x = a.slice(fromI, i);
    const y = b.slice(fromJ, j);
    const difference = numeric ? compareDigits(x, y) : x < y ? -1 : x > y ? 1 : 0;
    if (difference !== 0) return difference;
  }
  if (i >= a.length && j >= b.length) return 0;
  // Whichever has letters left is the older, otherwise whichever has anything left is the newer.
  if ((i >= a.length && !isLetter(b.charCodeAt(j))) || isLetter(a.charCodeAt(i))) return -1;
  return 1;
}

const APK_BEFORE = ['alpha', 'beta', 'pre', 'rc'];
const APK_AFTER = ['cvs', 'svn', 'git', 'hg', 'p'];
const APK_VERSION =
  /^(\d+(?:\.\d+)*)([a-z])?((?:_(?:alpha|beta|pre|rc|cvs|svn|git|hg|p)\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?$/;

/** apk: `1.2.3a_rc1-r4`; numbers after the first compare as fractions when they begin with 0. */
export function compareApk(a: string, b: string): number {
  const x = APK_VERSION.exec(a);
  const y = APK_VERSION.exec(b);
  if (x === null || y === null) return rpmvercmp(a, b);
  const left = x[1]!.split('.');
  const right = y[1]!.split('.');
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const one = left[i];
    const other = right[i];
    if (one === undefined) return -1;
    if (other === undefined) return 1;
    const asText = i > 0 && (one.startsWith('0') || other.startsWith('0'));
    const difference = asText ? (one < other ? -1 : one > other ? 1 : 0) : compareDigits(one, other);
    if (difference !== 0) return difference;
  }
  const letters = (x[2] ?? '').localeCompare(y[2] ?? '', 'en');
  if (letters !== 0) return letters;
  const suffixes = (text: string): [number, string][] =>
    [...text.matchAll(/_([a-z]+)(\d*)/g)].map(([, name, number]) => {
      const before = APK_BEFORE.indexOf(name!);
      return [before >= 0 ? before - APK_BEFORE.length : APK_AFTER.indexOf(name!) + 1, number!];
    });
  const mine = suffixes(x[3] ?? '');
  const theirs = suffixes(y[3] ?? '');
  for (let i = 0; i < Math.max(mine.length, theirs.length); i++) {
    const [kind, number] = mine[i] ?? [0, ''];
    const [otherKind, otherNumber] = theirs[i] ?? [0, ''];
    const difference = kind - otherKind || compareDigits(number, otherNumber);
    if (difference !== 0) return difference;
  }
  return compareDigits(x[4] ?? '', y[4] ?? '');
}

const COMPARE: Record<string, (a: string, b: string) => number> = {
  dpkg: compareDpkg,
  rpm: compareRpm,
  apk: compareApk,
  pacman: comparePacman,
};

/** How versions of a manager compare; rpm's way for those that have no other. */
export function comparerOf(manager: string): (a: string, b: string) => number {
  return COMPARE[manager] ?? compareRpm;
}

/** Whether `version` stands in the relation to `wanted`. */
export function satisfies(
  compare: (a: string, b: string) => number,
  version: string,
  relation: VersionRelation,
  wanted: string,
): boolean {
  if (relation === '~') return version === wanted || version.startsWith(wanted);
  const order = compare(version, wanted);
  switch (relation) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '=':
      return order === 0;
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
  }
}
