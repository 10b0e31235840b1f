/**
 * `apk info`: names, `-v` with versions, `-vv` with descriptions, or the blocks that `-s` and `-a` print of each
 * package (apk-tools' src/app_info.c). Sizes are rounded to their unit there.
 */
import { parseFull } from './apk-name.ts';
import { recogniseNames } from './columns.ts';
import {
  badLine,
  type ListReader,
  linesOf,
  type ManifestPackage,
  PackageList,
  packageOf,
  printedSize,
} from './manifest.ts';

const DESCRIBED = /^(\S+) -(?: |$)/;
const BLOCK =
  /^(\S+) (installed size|description|webpage|depends on|provides|is required by|contains|license|triggers|has auto-install rule|affects auto-installation of|replaces):$/;
const NAME = /^[A-Za-z0-9_.][\w+.-]*$/;
/** apk complains of repositories that it could not reach. */
const TALK = /^WARNING: /;

/** Most versions end with the package's release; without one in most of them it is another kind of list. */
function isVersions(lines: readonly string[]): boolean {
  const full = lines.map((line) => parseFull(DESCRIBED.exec(line)?.[1] ?? line));
  return full.every((one) => one !== null) && full.filter((one) => one!.isReleased).length >= full.length / 2;
}

export const apkInfo: ListReader = {
  name: 'apk-info',
  recognises(sample) {
    const lines = sample.filter((line) => !TALK.test(line));
    if (lines.length === 0) return false;
    return BLOCK.test(lines[0]!) || isVersions(lines) || recogniseNames(lines) === 'apk';
  },
  read(text) {
    const first = [...linesOf(text)].find(({ line }) => !TALK.test(line))?.line ?? '';
    return { packages: BLOCK.test(first) ? readBlocks(text) : readLines(text) };
  },
};

function readLines(text: string): ManifestPackage[] {
  const packages = new PackageList();
  for (const { line, number } of linesOf(text)) {
    if (TALK.test(line)) continue;
    const full = parseFull(DESCRIBED.exec(line)?.[1] ?? line);
    if (full !== null) packages.add(packageOf('apk', full.name, full.version));
    else if (NAME.test(line)) packages.add(packageOf('apk', line, ''));
    else throw badLine(number, line);
  }
  return packages.list();
}

function readBlocks(text: string): ManifestPackage[] {
  const sizes = new Map<string, number | null>();
  let current: { readonly full: string; readonly field: string } | undefined;
  for (const { line } of linesOf(text)) {
    const match = BLOCK.exec(line);
    if (match !== null) {
      current = { full: match[1]!, field: match[2]! };
      if (!sizes.has(current.full)) sizes.set(current.full, null);
    } else if (current?.field === 'installed size') {
      sizes.set(current.full, printedSize(line));
      current = undefined;
    }
  }
  const packages = new PackageList();
  for (const [full, installedSize] of sizes) {
    const parsed = parseFull(full);
    if (parsed !== null) packages.add(packageOf('apk', parsed.name, parsed.version, { installedSize }));
  }
  return packages.list();
}
