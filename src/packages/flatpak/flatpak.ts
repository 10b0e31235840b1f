/**
 * Flatpak: deployments of applications and runtimes.
 *
 * `app|runtime/<id>/<architecture>/<branch>/<commit>/` is a checkout of a commit of the OSTree repository beside
 * them (its files are hard links into repo/objects); the link `active` names the one in use, and others wait to
 * be cleaned up. What an application needs stands in its `metadata`, a key file (flatpak-metadata.5).
 */
import type { Dependency, Package, PackageDatabase, RootTree } from '../../core/contracts/package.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';

const INSTALLATION = '/var/lib/flatpak';
const KINDS = ['app', 'runtime'] as const;
const COMMIT = /^[0-9a-f]{64}$/;

interface Deployment {
  readonly kind: (typeof KINDS)[number];
  readonly id: string;
  readonly architecture: string;
  readonly branch: string;
  readonly commit: string;
  readonly path: string;
  readonly isActive: boolean;
}

export const flatpakPackages: PackageDatabase = {
  manager: 'flatpak',
  markers: [`${INSTALLATION}/app`, `${INSTALLATION}/runtime`],

  async read(root) {
    const deployments = findDeployments(root);
    const metadata = await root.readMany(deployments.map(({ path }) => `${path}/metadata`));
    const owned = new OwnedFiles(root);
    return deployments
      .map((deployment, i) => {
        const text = metadata[i] === undefined ? '' : decodeUtf8(metadata[i]);
        owned.addTree(deployment.path);
        return packageOf(deployment, needs(text), owned.take());
      })
      .sort(comparePackages);
  },
};

function findDeployments(root: RootTree): Deployment[] {
  const found: Deployment[] = [];
  for (const kind of KINDS) {
    for (const { name: id } of root.list(`${INSTALLATION}/${kind}`)) {
      for (const { name: architecture } of root.list(`${INSTALLATION}/${kind}/${id}`)) {
        const home = `${INSTALLATION}/${kind}/${id}/${architecture}`;
        // `current` is a link to the branch that starts by default.
        if (architecture === 'current') continue;
        for (const { name: branch } of root.list(home)) {
          const active = root.lookup(`${home}/${branch}/active`);
          for (const { name: commit, entry } of root.list(`${home}/${branch}`)) {
            if (!COMMIT.test(commit) || found.length >= MAX_PACKAGES) continue;
            const path = `${home}/${branch}/${commit}`;
            found.push({ kind, id, architecture, branch, commit, path, isActive: entry === active });
          }
        }
      }
    }
  }
  return found;
}

/** `runtime=org.gnome.Platform/x86_64/45` of an application, and what an extension extends. */
function needs(metadata: string): Dependency[] {
  let group = '';
  for (const line of metadata.split('\n')) {
    const header = /^\[(.*)\]\s*$/.exec(line);
    if (header !== null) group = header[1]!;
    const value =
      group === 'Application' || group === 'Runtime'
        ? /^runtime=(.+?)\s*$/.exec(line)?.[1]
        : group === 'ExtensionOf'
          ? /^ref=(?:app|runtime)\/(.+?)\s*$/.exec(line)?.[1]
          : undefined;
    const [name, architecture, branch] = value?.split('/') ?? [];
    if (name) {
      const version = branch || null;
      return [{ name, relation: version === null ? null : '=', version, architecture: architecture || null }];
    }
  }
  return [];
}

function packageOf(deployment: Deployment, needed: Dependency[], entries: Uint32Array): Package {
  const { kind, id, architecture, branch, commit, isActive } = deployment;
  // A runtime names itself in `runtime=` of its own metadata.
  const requires = needed.filter(({ name }) => name !== id).map((dependency) => [dependency]);
  return {
    manager: 'flatpak',
    name: id,
    // Flatpak's own names for a deployment: the branch, and the first twelve digits of its commit.
    version: `${branch}@${commit.slice(0, 12)}`,
    architecture,
    installedSize: null,
    automatic: kind === 'runtime',
    state: isActive ? null : 'inactive',
    essential: false,
    section: kind,
    priority: null,
    source: null,
    requires: requires.map((each) => each.map(({ name }) => name)),
    provides: [],
    dependencies: {
      requires,
      recommends: [],
      suggests: [],
      supplements: [],
      provides: [{ name: id, relation: '=', version: branch, architecture }],
      conflicts: [],
    },
    entries,
  };
}
