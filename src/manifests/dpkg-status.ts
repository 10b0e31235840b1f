/**
 * dpkg's status file, or what `dpkg-query -s` prints: paragraphs of deb-control(5). Declared sizes are KiB; what was
 * removed and not purged keeps no file but its configuration, so its declared size says nothing any more.
 */
import { readParagraphs } from '../core/deb822.ts';
import { compareText } from '../core/text.ts';
import { type ListReader, type ManifestPackage, PackageList, packageOf, sizeOf } from './manifest.ts';

const FIELDS = new Set([
  'package',
  'status',
  'version',
  'architecture',
  'installed-size',
  'depends',
  'pre-depends',
  'provides',
]);

export const dpkgStatus: ListReader = {
  name: 'dpkg-status',
  // An index of a repository (apt's Packages) has the same fields, but says where a package is to be had.
  recognises: (sample) =>
    sample.some((line) => line.startsWith('Package: ')) &&
    sample.some((line) => line.startsWith('Status: ') || line.startsWith('Version: ')) &&
    !sample.some((line) => line.startsWith('Filename: ')) &&
    sample.every((line) => /^(?:\s|[A-Za-z][\w-]*:)/.test(line)),
  read(text) {
    const packages = new PackageList();
    const needs: { readonly by: string; readonly names: readonly string[] }[] = [];
    const providers = new Map<string, string[]>();
    readParagraphs(new TextEncoder().encode(text), FIELDS, (fields) => {
      const name = fields.get('package');
      const state = fields.get('status')?.split(/\s+/)[2] ?? 'installed';
      if (name === undefined || name === '' || state === 'not-installed') return;
      packages.add(
        packageOf('dpkg', name, fields.get('version') ?? '', {
          architecture: fields.get('architecture') ?? null,
          installedSize: state === 'config-files' ? null : sizeOf(fields.get('installed-size'), 1024),
          state: state === 'installed' ? null : state,
        }),
      );
      if (state === 'config-files') return;
      for (const provided of [name, ...namesIn(fields.get('provides'))]) {
        const list = providers.get(provided);
        if (list === undefined) providers.set(provided, [name]);
        else list.push(name);
      }
      needs.push({
        by: name,
        names: [...namesIn(fields.get('pre-depends')), ...namesIn(fields.get('depends'))],
      });
    });
    return { packages: withRequirers(packages.list(), needs, providers) };
  },
};

/** Names in `a (>= 1) | b, c:any`. */
function namesIn(relations: string | undefined): string[] {
  return (relations ?? '').split(/[,|]/).flatMap((one) => /^\s*([a-z0-9][a-z0-9+.-]*)/i.exec(one)?.[1] ?? []);
}

function withRequirers(
  packages: readonly ManifestPackage[],
  needs: readonly { readonly by: string; readonly names: readonly string[] }[],
  providers: ReadonlyMap<string, readonly string[]>,
): ManifestPackage[] {
  const found = new Map<string, Set<string>>();
  for (const { by, names } of needs) {
    for (const name of names) {
      for (const provider of providers.get(name) ?? []) {
        if (provider === by) continue;
        const set = found.get(provider);
        if (set === undefined) found.set(provider, new Set([by]));
        else set.add(by);
      }
    }
  }
  return packages.map((one) => ({ ...one, requiredBy: [...(found.get(one.name) ?? [])].sort(compareText) }));
}
