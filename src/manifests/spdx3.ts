/**
 * SPDX 3 as JSON-LD (https://spdx.github.io/spdx-spec/v3.0.1): a graph of elements, of which `software_Package` are
 * packages. The roots of the SBOM are the image itself.
 */
import type { OsSection } from '../core/contracts/report.ts';
import { asObject, type JsonObject, textOf } from '../core/json.ts';
import { type DocumentReader, PackageList, packageOf } from './manifest.ts';
import { osOfPurls, type PackageUrl, parsePurl } from './purl.ts';

const CONTEXT = /^https?:\/\/spdx\.(?:org|github\.io)\/.*\/?3\.\d/;
const NO_SOFTWARE = new Set([
  'container',
  'file',
  'source',
  'archive',
  'operatingSystem',
  'diskImage',
  'filesystemImage',
]);

export const spdx3: DocumentReader = {
  name: 'spdx',
  recognises(document) {
    const it = asObject(document);
    const context = it?.['@context'];
    const contexts = Array.isArray(context) ? (context as unknown[]) : [context];
    return Array.isArray(it?.['@graph']) && contexts.some((one) => CONTEXT.test(textOf(one) ?? ''));
  },
  read(document) {
    const graph = (asObject(document)!['@graph'] as unknown[])
      .map(asObject)
      .filter((one) => one !== undefined);
    const roots = new Set(
      graph.flatMap((one) => (typeOf(one) === 'software_Sbom' ? textsIn(one.rootElement) : [])),
    );
    const packages = new PackageList();
    const urls: (PackageUrl | null)[] = [];
    let os: OsSection | null = null;
    for (const one of graph) {
      const name = textOf(one.name);
      if (typeOf(one) !== 'software_Package' || name === undefined) continue;
      const purpose = textOf(one.software_primaryPurpose) ?? '';
      const version = textOf(one.software_packageVersion);
      if (purpose === 'operatingSystem') {
        os ??= { id: name, versionId: version ?? null, prettyName: null, architecture: null };
      }
      if (NO_SOFTWARE.has(purpose) || roots.has(textOf(one.spdxId) ?? '')) continue;
      const url = purlOf(one);
      urls.push(url);
      packages.add(
        packageOf(url?.manager ?? 'spdx', url?.name ?? name, version ?? url?.version ?? '', {
          architecture: url?.architecture ?? null,
        }),
      );
    }
    const created = graph.find((one) => typeOf(one) === 'CreationInfo');
    return {
      packages: packages.list(),
      os: os ?? osOfPurls(urls),
      details: { specVersion: textOf(created?.specVersion) ?? null },
    };
  },
};

const typeOf = (one: JsonObject): string | undefined => textOf(one.type) ?? textOf(one['@type']);

function textsIn(value: unknown): string[] {
  return (Array.isArray(value) ? (value as unknown[]) : [value]).flatMap((one) => textOf(one) ?? []);
}

/** A property of its own, or one of the external identifiers. */
function purlOf(one: JsonObject): PackageUrl | null {
  const own = parsePurl(one.software_packageUrl);
  if (own !== null) return own;
  for (const value of Array.isArray(one.externalIdentifier) ? (one.externalIdentifier as unknown[]) : []) {
    const identifier = asObject(value);
    if (textOf(identifier?.externalIdentifierType) === 'packageUrl') return parsePurl(identifier?.identifier);
  }
  return null;
}
