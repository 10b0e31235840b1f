/** The report of a manifest: packages as it names them, and null for all that only an image could tell. */
import type { BookEntry, Report } from '../core/contracts/report.ts';
import { compareText } from '../core/text.ts';
import type { ManifestContent, ManifestPackage } from './manifest.ts';

const UNKNOWN: BookEntry = { bytes: null, evidence: 'unknown' };

/** @param version of imgopt */
export function manifestReport(
  path: string,
  format: string,
  content: ManifestContent,
  version: string,
): Report {
  return {
    schema: 'imgopt.report/1',
    generator: { name: 'imgopt', version },
    artifact: {
      path,
      format,
      formatDetails: content.details ?? {},
      fileSize: null,
      allocated: null,
      virtualSize: null,
      backing: [],
    },
    partitions: [],
    filesystems: [],
    books: { files: UNKNOWN, metadata: UNKNOWN, stale: UNKNOWN, unread: UNKNOWN, other: UNKNOWN },
    os: content.os ?? null,
    totals: {
      files: null,
      directories: null,
      symlinks: null,
      size: null,
      allocated: null,
      packaged: null,
      unpackaged: null,
      reclaimable: null,
    },
    packages: [...content.packages]
      .sort(compare)
      .map(({ manager, name, version: of, architecture, installedSize, automatic, requiredBy, state }) => ({
        manager,
        name,
        version: of,
        architecture,
        installedSize,
        allocated: null,
        files: null,
        automatic,
        requiredBy,
        state,
      })),
    kinds: [],
    files: [],
    directories: [],
    suggestions: [],
    hygiene: [],
    diagnostics: (content.notes ?? []).map(({ severity, code, message }) => ({
      code: `IMGOPT_${code}`,
      severity,
      message,
      where: path,
    })),
  };
}

/** Largest declared size first, unknown ones last, ties by name: the order of a report as far as it is known. */
function compare(a: ManifestPackage, b: ManifestPackage): number {
  return (
    (b.installedSize ?? -1) - (a.installedSize ?? -1) ||
    compareText(a.name, b.name) ||
    compareText(a.architecture ?? '', b.architecture ?? '') ||
    compareText(a.version, b.version) ||
    compareText(a.manager, b.manager)
  );
}
