/** syft's own JSON (`-o syft-json`): the richest of its formats, and the only one with all sizes. */
import type { OsSection } from '../core/contracts/report.ts';
import { asObject, textOf } from '../core/json.ts';
import { type DocumentReader, PackageList, packageOf } from './manifest.ts';
import { parsePurl } from './purl.ts';
import { syftSize } from './syft-size.ts';

/** syft's types that are not a purl type's name. */
const TYPES: Record<string, string> = {
  deb: 'dpkg',
  alpm: 'pacman',
  'go-module': 'go',
  'rust-crate': 'cargo',
};

export const syft: DocumentReader = {
  name: 'syft',
  recognises(document) {
    const it = asObject(document);
    return Array.isArray(it?.artifacts) && textOf(asObject(it.descriptor)?.name) === 'syft';
  },
  read(document) {
    const it = asObject(document)!;
    const packages = new PackageList();
    for (const value of it.artifacts as unknown[]) {
      const artifact = asObject(value);
      const name = textOf(artifact?.name);
      if (artifact === undefined || name === undefined) continue;
      const url = parsePurl(artifact.purl);
      const type = textOf(artifact.type) ?? 'unknown';
      const metadata = asObject(artifact.metadata);
      const manager = url?.manager ?? TYPES[type] ?? type;
      packages.add(
        packageOf(manager, name, textOf(artifact.version) ?? '', {
          architecture: textOf(metadata?.architecture) || (url?.architecture ?? null),
          installedSize: syftSize(manager, metadata?.installedSize, metadata?.size),
        }),
      );
    }
    return {
      packages: packages.list(),
      os: distroOf(asObject(it.distro)),
      details: { tool: `syft ${textOf(asObject(it.descriptor)?.version) ?? ''}`.trim() },
    };
  },
};

function distroOf(distro: Readonly<Record<string, unknown>> | undefined): OsSection | null {
  // Before schema 3 it was called name.
  const id = textOf(distro?.id) || textOf(distro?.name);
  if (id === undefined || id === '') return null;
  return {
    id,
    versionId: textOf(distro?.versionID) || textOf(distro?.version) || null,
    prettyName: textOf(distro?.prettyName) || null,
    architecture: null,
  };
}
