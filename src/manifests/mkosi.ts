/** mkosi's `.manifest` (mkosi(1), ManifestFormat=json). Sizes are bytes, of dpkg's KiB for Debian packages. */
import { asObject, textOf } from '../core/json.ts';
import { type DocumentReader, PackageList, packageOf, sizeOf } from './manifest.ts';

const TYPES: Record<string, string> = { deb: 'dpkg', rpm: 'rpm', pkg: 'pacman' };

export const mkosi: DocumentReader = {
  name: 'mkosi',
  recognises(document) {
    const it = asObject(document);
    return (
      sizeOf(it?.manifest_version) !== null &&
      Array.isArray(it?.packages) &&
      asObject(it.config) !== undefined
    );
  },
  read(document) {
    const it = asObject(document)!;
    const packages = new PackageList();
    for (const value of it.packages as unknown[]) {
      const one = asObject(value);
      const name = textOf(one?.name);
      if (one === undefined || name === undefined) continue;
      const type = textOf(one.type) ?? 'unknown';
      packages.add(
        packageOf(TYPES[type] ?? type, name, textOf(one.version) ?? '', {
          architecture: textOf(one.architecture) || null,
          installedSize: sizeOf(one.size),
        }),
      );
    }
    const config = asObject(it.config)!;
    const id = textOf(config.distribution);
    return {
      packages: packages.list(),
      os:
        id === undefined
          ? null
          : {
              id,
              versionId: textOf(config.release) ?? null,
              prettyName: null,
              architecture:
                textOf(config.architecture)?.replace('x86-64', 'x86_64').replace('arm64', 'aarch64') ?? null,
            },
    };
  },
};
