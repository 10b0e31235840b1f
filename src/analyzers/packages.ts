/** Packages by what their files really occupy, and who needs them. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { Package } from '../core/contracts/package.ts';
import type { MeasuredPackage, PackageSection } from '../core/contracts/report.ts';
import { FILE_TYPE } from '../core/file-table.ts';
import { compareText } from '../core/text.ts';
import { ownershipOf } from './ownership.ts';

export function analyzePackages(inspection: Inspection): MeasuredPackage[] {
  const { table, packages } = inspection;
  const { owner } = ownershipOf(inspection);
  const allocated = new Float64Array(packages.length);
  for (let entry = 0; entry < table.count; entry++) {
    const index = owner[entry]!;
    if (index >= 0) allocated[index]! += table.allocated[entry]!;
  }
  const requiredBy = requirers(packages);
  return packages
    .map((one, index): MeasuredPackage => {
      let files = 0;
      for (const entry of one.entries) if (table.type[entry] !== FILE_TYPE.directory) files++;
      return {
        manager: one.manager,
        name: one.name,
        version: one.version,
        architecture: one.architecture,
        installedSize: one.installedSize,
        allocated: allocated[index]!,
        files,
        automatic: one.automatic,
        requiredBy: requiredBy[index]!,
        state: one.state,
      };
    })
    .sort(
      (a, b) =>
        b.allocated - a.allocated ||
        compareText(a.name, b.name) ||
        compareText(a.architecture ?? '', b.architecture ?? '') ||
        compareText(a.version, b.version),
    );
}

/** Position in a report's list of each of the inspection's packages; -1 for one that it does not hold. */
export function positionsInReport(inspection: Inspection, list: readonly PackageSection[]): number[] {
  const key = ({ manager, name, architecture, version }: PackageSection | Package): string =>
    [manager, name, architecture, version].join('\0');
  const known = new Map(list.map((one, index) => [key(one), index]));
  return inspection.packages.map((one) => known.get(key(one)) ?? -1);
}

/** States in which a package's files are gone, so that it needs nothing any more. */
const GONE = new Set(['config-files', 'not-installed']);

/** By package: sorted names of the installed packages that require it, or something that it provides. */
function requirers(packages: readonly Package[]): string[][] {
  const providers = new Map<string, number[]>();
  packages.forEach((one, index) => {
    for (const name of new Set([one.name, ...one.provides])) {
      const list = providers.get(name);
      if (list === undefined) providers.set(name, [index]);
      else list.push(index);
    }
  });
  const found = packages.map(() => new Set<string>());
  for (const one of packages) {
    if (one.state !== null && GONE.has(one.state)) continue;
    for (const alternatives of one.requires) {
      for (const name of alternatives) {
        for (const index of providers.get(name) ?? []) {
          if (packages[index]!.name !== one.name) found[index]!.add(one.name);
        }
      }
    }
  }
  return found.map((names) => [...names].sort(compareText));
}
