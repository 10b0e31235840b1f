/**
 * CycloneDX JSON (https://cyclonedx.org/docs): components, inside each other where one was found in another. It knows
 * no installed size; syft writes what it knows as properties of its own.
 */
import type { OsSection } from '../core/contracts/report.ts';
import { corrupt } from '../core/errors.ts';
import { asObject, type JsonObject, textOf } from '../core/json.ts';
import { MAX_PACKAGES } from '../core/limits.ts';
import { type DocumentReader, PackageList, packageOf } from './manifest.ts';
import { osOfPurls, type PackageUrl, parsePurl } from './purl.ts';
import { syftSize } from './syft-size.ts';

/** Kinds of components that are installed software; an operating system, a container or a file is none. */
const SOFTWARE = new Set(['library', 'application', 'framework', 'platform', 'firmware', 'device-driver']);

export const cyclonedx: DocumentReader = {
  name: 'cyclonedx',
  recognises: (document) => asObject(document)?.bomFormat === 'CycloneDX',
  read(document) {
    const it = asObject(document)!;
    const packages = new PackageList();
    const urls: (PackageUrl | null)[] = [];
    let os: OsSection | null = null;
    const open: unknown[] = listOf(it.components).reverse();
    let seen = 0;
    while (open.length > 0) {
      const component = asObject(open.pop());
      if (component === undefined) continue;
      if (++seen > MAX_PACKAGES) throw corrupt('MANIFEST_PACKAGES', `more than ${MAX_PACKAGES} components`);
      open.push(...listOf(component.components).reverse());
      const name = textOf(component.name);
      const type = textOf(component.type) ?? '';
      if (name === undefined) continue;
      if (type === 'operating-system') {
        os ??= {
          id: name,
          versionId: textOf(component.version) ?? null,
          prettyName: textOf(component.description) ?? null,
          architecture: null,
        };
      }
      if (!SOFTWARE.has(type)) continue;
      const url = parsePurl(component.purl);
      urls.push(url);
      const property = propertiesOf(component);
      const manager = url?.manager ?? property.get('syft:package:type') ?? type;
      packages.add(
        packageOf(manager, url?.name ?? fullName(component, name), textOf(component.version) ?? '', {
          architecture: url?.architecture ?? null,
          installedSize: syftSize(
            manager,
            property.get('syft:metadata:installedSize'),
            property.get('syft:metadata:size'),
          ),
        }),
      );
    }
    return {
      packages: packages.list(),
      os: os ?? osOfPurls(urls),
      details: { specVersion: textOf(it.specVersion) ?? null },
    };
  },
};

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? [...(value as unknown[])] : [];
}

function fullName(component: JsonObject, name: string): string {
  const group = textOf(component.group);
  return group === undefined || group === '' ? name : `${group}/${name}`;
}

function propertiesOf(component: JsonObject): Map<string, string> {
  const found = new Map<string, string>();
  for (const value of listOf(component.properties)) {
    const property = asObject(value);
    const name = textOf(property?.name);
    const text = textOf(property?.value);
    if (name !== undefined && text !== undefined) found.set(name, text);
  }
  return found;
}
