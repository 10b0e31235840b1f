/** The fixture `rpm/made`: a root that rpm installed hand-written packages into, and what rpm says of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Dependency } from '../../src/core/contracts/package.ts';
import { fixtureBytes, fixtureExpected } from './fixtures.ts';

export const RPM_LISTS = ['require', 'provide', 'conflict', 'recommend', 'suggest', 'supplement'] as const;

export interface RpmPackage extends Record<(typeof RPM_LISTS)[number], string[]> {
  readonly name: string;
  readonly epoch: number | null;
  readonly version: string;
  readonly release: string;
  readonly architecture: string | null;
  readonly source: string | null;
  readonly size: number;
  readonly installTime: number;
  readonly group: string;
  /** By RPMTAG_FILESTATES: 0 normal, 1 replaced, 2 not installed, 3 netshared. */
  readonly files: Readonly<Record<string, string[]>>;
}

interface Made {
  readonly packages: readonly RpmPackage[];
  readonly tree: readonly string[];
  readonly links: Readonly<Record<string, string>>;
}

export const madePackages = (): readonly RpmPackage[] => fixtureExpected<Made>('rpm/made').packages;

/** The SQLite file as rpm wrote it. */
export const madeDatabase = (): Buffer => fixtureBytes('rpm/made/rpmdb.sqlite');

/** Everything in the root but the database, for `memoryRoot`. */
export function madeTree(): Record<string, null | { link: string }> {
  const { tree, links } = fixtureExpected<Made>('rpm/made');
  return {
    ...Object.fromEntries(tree.map((path) => [path, null])),
    ...Object.fromEntries(Object.entries(links).map(([path, link]) => [path, { link }])),
  };
}

/** The header blobs, taken out by SQLite. */
export function madeHeaders(): Buffer[] {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-test-'));
  try {
    const path = join(folder, 'rpmdb.sqlite');
    writeFileSync(path, madeDatabase());
    const database = new DatabaseSync(path, { readOnly: true });
    const rows = database.prepare('SELECT blob FROM Packages ORDER BY hnum').all();
    database.close();
    return rows.map((row) => Buffer.from(row.blob as Uint8Array));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * What the rich dependencies of the tests come down to where they are installed, worked by hand: lines of
 * alternatives. `desktop` is not installed; shell, filesystem and (in the other test) beta are.
 */
const RICH: Readonly<Record<string, readonly string[]>> = {
  '((weak-strong and shell) or not-there)': ['weak-strong | not-there', 'shell | not-there'],
  '(big with big >= 1)': ['big', 'big >= 1'],
  '(extra-plugin if desktop)': [],
  '(libsmall1 >= 1.4 if filesystem else nothing-small)': ['libsmall1 >= 1.4'],
  '(shell and tools)': ['shell', 'tools'],
  '(shell or other-shell)': ['shell | other-shell'],
  '(nice-a or nice-b >= 2)': ['nice-a | nice-b >= 2'],
  '(maybe if shell else maybe-not)': ['maybe'],
  '(shell and filesystem)': ['shell', 'filesystem'],
  '(shell and documentation)': ['shell', 'documentation'],
  '(gamma if beta)': ['gamma'],
  '(gamma or delta)': ['gamma | delta'],
};

/** rpm's lines for one list, as imgopt should tell them: without features of rpm itself, rich ones resolved. */
export function resolvedLines(list: string, lines: readonly string[]): string[] {
  const packages = lines.filter((line) => !line.startsWith('rpmlib('));
  // A rich conflict stays as it is written.
  if (list === 'conflict') return packages;
  return packages.flatMap((line) => {
    if (!line.startsWith('(')) return [line];
    const resolved = RICH[line];
    if (resolved === undefined) throw new Error(`nobody has worked out ${line}`);
    return resolved;
  });
}

export const dependencyWords = ({ name, relation, version }: Dependency): string =>
  relation === null ? name : `${name} ${relation} ${version}`;

export const alternativeWords = (alternatives: readonly Dependency[]): string =>
  alternatives.map(dependencyWords).join(' | ');
