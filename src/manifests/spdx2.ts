/**
 * SPDX 2.2 and 2.3 as JSON (https://spdx.github.io/spdx-spec/v2.3): `packages`, of which the ones that the document
 * describes are the image itself. SPDX knows no installed size.
 */
import type { OsSection } from '../core/contracts/report.ts';
import { asObject, type JsonObject, textOf } from '../core/json.ts';
import { type DocumentReader, PackageList, packageOf } from './manifest.ts';
import { osOfPurls, type PackageUrl, parsePurl } from './purl.ts';

/** primaryPackagePurpose of what is no installed software. */
const NO_SOFTWARE = new Set([
  'CONTAINER',
  'FILE',
  'SOURCE',
  'ARCHIVE',
  'OPERATING-SYSTEM',
  'OPERATING_SYSTEM',
]);

export const spdx2: DocumentReader = {
  name: 'spdx',
  recognises: (document) => /^SPDX-2\./.test(textOf(asObject(document)?.spdxVersion) ?? ''),
  read(document) {
    const it = asObject(document)!;
    const described = describedBy(it);
    const packages = new PackageList();
    const urls: (PackageUrl | null)[] = [];
    let os: OsSection | null = null;
    for (const value of Array.isArray(it.packages) ? (it.packages as unknown[]) : []) {
      const one = asObject(value);
      const name = textOf(one?.name);
      if (one === undefined || name === undefined) continue;
      const purpose = textOf(one.primaryPackagePurpose) ?? '';
      const version = known(one.versionInfo);
      if (/^OPERATING.SYSTEM$/.test(purpose)) {
        os ??= { id: name, versionId: version, prettyName: null, architecture: null };
      }
      if (NO_SOFTWARE.has(purpose) || described.has(textOf(one.SPDXID) ?? '')) continue;
      const url = purlOf(one);
      urls.push(url);
      packages.add(
        packageOf(url?.manager ?? 'spdx', url?.name ?? name, version ?? url?.version ?? '', {
          architecture: url?.architecture ?? null,
        }),
      );
    }
    return {
      packages: packages.list(),
      os: os ?? osOfPurls(urls),
      details: { specVersion: textOf(it.spdxVersion) ?? null },
    };
  },
};

/** NOASSERTION and NONE are SPDX's words for nothing. */
function known(value: unknown): string | null {
  const text = textOf(value);
  return text === undefined || text === '' || text === 'NOASSERTION' || text === 'NONE' ? null : text;
}

function purlOf(one: JsonObject): PackageUrl | null {
  for (const value of Array.isArray(one.externalRefs) ? (one.externalRefs as unknown[]) : []) {
    const reference = asObject(value);
    if (textOf(reference?.referenceType) === 'purl') return parsePurl(reference?.referenceLocator);
  }
  return null;
}

function describedBy(document: JsonObject): Set<string> {
  const found = new Set<string>();
  const list = document.documentDescribes;
  if (Array.isArray(list)) for (const id of list as unknown[]) found.add(textOf(id) ?? '');
  const relationships = document.relationships;
  for (const value of Array.isArray(relationships) ? (relationships as unknown[]) : []) {
    const one = asObject(value);
    if (textOf(one?.spdxElementId) === 'SPDXRef-DOCUMENT' && textOf(one?.relationshipType) === 'DESCRIBES') {
      found.add(textOf(one?.relatedSpdxElement) ?? '');
    }
  }
  found.delete('');
  return found;
}
