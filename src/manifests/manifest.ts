/**
 * What a reader of manifests is: one file each, which recognises its kind by content and gives the packages that
 * it names. Everything in a manifest is somebody else's word: nothing is measured, and what it does not say stays
 * unknown.
 *
 * Lists of lines are recognised by their first lines and then read strictly: a line that does not fit says that the
 * file is damaged or something else, and is named by its number. JSON documents are recognised by the fields that
 * their specification demands; what they leave out inside is passed over.
 */
import type { Severity } from '../core/contracts/context.ts';
import type { JsonValue } from '../core/contracts/disk.ts';
import type { OsSection, PackageSection } from '../core/contracts/report.ts';
import { corrupt } from '../core/errors.ts';
import { MAX_LIST_LINE_CHARACTERS, MAX_PACKAGES } from '../core/limits.ts';
import { escapeName } from '../core/text.ts';

/** A package as a manifest names it; sizes in bytes. */
export type ManifestPackage = Omit<PackageSection, 'allocated' | 'files'>;

export interface ManifestNote {
  readonly severity: Severity;
  /** Without its prefix. */
  readonly code: string;
  readonly message: string;
}

export interface ManifestContent {
  readonly packages: readonly ManifestPackage[];
  readonly os?: OsSection | null;
  /** For the report's `formatDetails`. */
  readonly details?: { readonly [key: string]: JsonValue };
  readonly notes?: readonly ManifestNote[];
}

/** Reads text of lines. */
export interface ListReader {
  /** The report's `artifact.format`. */
  readonly name: string;
  /**
   * @param sample the first lines that are not empty, without what ends them
   */
  recognises(sample: readonly string[]): boolean;
  /** @throws ImgoptError `corrupt` for a line that does not fit */
  read(text: string): ManifestContent;
}

/** Reads a JSON document. */
export interface DocumentReader {
  readonly name: string;
  recognises(document: unknown): boolean;
  read(document: unknown): ManifestContent;
}

/** A package with all that is not said left open. */
export function packageOf(
  manager: string,
  name: string,
  version: string,
  known: Partial<ManifestPackage> = {},
): ManifestPackage {
  return {
    manager,
    name,
    version,
    architecture: null,
    installedSize: null,
    automatic: null,
    requiredBy: [],
    state: null,
    ...known,
  };
}

/** A count of bytes in a unit, or null for what is no such number. */
export function sizeOf(value: unknown, unit = 1): number | null {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^\d+$/.test(value))) return null;
  const bytes = Number(value) * unit;
  return Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null;
}

const UNITS: Record<string, number> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
  PiB: 1024 ** 5,
};

/** A size as apk and pacman print it, `612 KiB` or `1.23 MiB`, as exact as its figures; null for what is none. */
export function printedSize(text: string): number | null {
  const match = /^(\d+(?:[.,]\d+)?) ?([KMGTP]iB|B)$/.exec(text.trim());
  if (match === null) return null;
  return sizeOf(Math.round(Number(match[1]!.replace(',', '.')) * UNITS[match[2]!]!));
}

/** Windows' line ends and padding; an empty last column begins with a tab and stays. */
const TRAILING = /[\r ]+$/;

/** The first lines of a text that are not empty, as `linesOf` gives them. */
export function sampleOf(lines: readonly string[], count: number): string[] {
  return lines
    .map((line) => line.replace(TRAILING, ''))
    .filter((line) => line.trim() !== '')
    .slice(0, count);
}

/** A line and its number from 1; empty lines are left out. */
export function* linesOf(text: string): Generator<{ readonly line: string; readonly number: number }> {
  let at = 0;
  let number = 0;
  while (at < text.length) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    const line = text.slice(at, end).replace(TRAILING, '');
    at = end + 1;
    number++;
    if (line.trim() === '') continue;
    // Patterns run over lines: none may cost more than it is worth.
    if (line.length > MAX_LIST_LINE_CHARACTERS) throw badLine(number, line);
    yield { line, number };
  }
}

/** What a line that does not fit is told as. */
export function badLine(number: number, line: string): Error {
  const shown = line.length > 60 ? `${line.slice(0, 60)}…` : line;
  return corrupt('MANIFEST_LINE', `line ${number} does not belong in the list: '${escapeName(shown)}'`, {
    advice: 'make the list again',
  });
}

/** Collects packages within bounds, each manager, name, version and architecture once. */
export class PackageList {
  private readonly found = new Map<string, ManifestPackage>();

  add(one: ManifestPackage): void {
    const key = `${one.manager}\n${one.name}\n${one.version}\n${one.architecture ?? ''}`;
    if (this.found.has(key)) return;
    if (this.found.size >= MAX_PACKAGES)
      throw corrupt('MANIFEST_PACKAGES', `more than ${MAX_PACKAGES} packages`);
    this.found.set(key, one);
  }

  get size(): number {
    return this.found.size;
  }

  list(): ManifestPackage[] {
    return [...this.found.values()];
  }
}
