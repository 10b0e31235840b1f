/**
 * The JSON beside Debian's cloud images: a list of objects in the manner of Kubernetes, of which the one of kind
 * `Build` names the packages. No sizes.
 */
import { asObject, textOf } from '../core/json.ts';
import { type DocumentReader, PackageList, packageOf } from './manifest.ts';

const API = 'cloud.debian.org/';

/** Debian's names of architectures as `uname -m` has them. */
const MACHINES: Record<string, string> = {
  amd64: 'x86_64',
  arm64: 'aarch64',
  armhf: 'armv7l',
  i386: 'i686',
  ppc64el: 'ppc64le',
  riscv64: 'riscv64',
  s390x: 's390x',
};

function buildsIn(document: unknown): Readonly<Record<string, unknown>>[] {
  const it = asObject(document);
  const items = Array.isArray(it?.items) ? (it.items as unknown[]) : [document];
  return items.flatMap((value) => {
    const item = asObject(value);
    return item?.kind === 'Build' && (textOf(item.apiVersion) ?? '').startsWith(API) ? [item] : [];
  });
}

export const debianCloud: DocumentReader = {
  name: 'debian-cloud',
  recognises: (document) => buildsIn(document).length > 0,
  read(document) {
    const data = asObject(buildsIn(document)[0]!.data);
    const packages = new PackageList();
    for (const value of Array.isArray(data?.packages) ? (data.packages as unknown[]) : []) {
      const one = asObject(value);
      const full = textOf(one?.name);
      if (full === undefined) continue;
      const [name, architecture] = full.split(':') as [string, string?];
      packages.add(
        packageOf('dpkg', name, textOf(one?.version) ?? '', { architecture: architecture ?? null }),
      );
    }
    const info = asObject(data?.info);
    const machine = textOf(info?.arch);
    const details = Object.fromEntries(
      ['release', 'type', 'vendor', 'version'].flatMap((key) => {
        const value = textOf(info?.[key]);
        return value === undefined ? [] : [[key, value]];
      }),
    );
    return {
      packages: packages.list(),
      os: {
        id: 'debian',
        versionId: textOf(info?.release_id) ?? null,
        prettyName: null,
        architecture: machine === undefined ? null : (MACHINES[machine] ?? machine),
      },
      details,
    };
  },
};
