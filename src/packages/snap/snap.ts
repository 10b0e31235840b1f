/**
 * Snaps: every revision of a snap is a squashfs file, and snapd keeps two of each (three on Ubuntu Core) so that
 * a refresh can be taken back. So a revision is a package here; those that are not current are `disabled`, as
 * `snap list --all` says.
 *
 * What snapd knows is in /var/lib/snapd/state.json (snapd, overlord/snapstate: SnapState). An image that has not
 * booted yet has no state but a seed: files that the first boot will install.
 */
import type { Context } from '../../core/contracts/context.ts';
import type { Package, PackageDatabase } from '../../core/contracts/package.ts';
import { asObject, parseJson, textOf } from '../../core/json.ts';
import { MAX_PACKAGES } from '../../core/limits.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { comparePackages, OwnedFiles } from '../owned-files.ts';

const STATE = '/var/lib/snapd/state.json';
const FILES = '/var/lib/snapd/snaps';
const SEED = '/var/lib/snapd/seed/snaps';

/** Other snaps cannot run without these, and state.json does not say which needs which. */
const CARRIERS = new Set(['os', 'base', 'kernel', 'gadget', 'snapd']);

interface Revision {
  readonly name: string;
  readonly revision: string;
  readonly state: string | null;
  readonly type: string | null;
  readonly essential: boolean;
}

export const snapPackages: PackageDatabase = {
  manager: 'snap',
  markers: [STATE, SEED, FILES],

  async read(root, context) {
    const bytes = await root.read(STATE);
    const known = bytes === undefined ? [] : parseState(decodeUtf8(bytes), context.at(STATE));
    const seen = new Set(known.map(({ name, revision }) => `${name}_${revision}`));
    // A file that the state does not know: the seed of an image that has not booted, or a leftover.
    for (const folder of [FILES, SEED]) {
      for (const { name: file } of root.list(folder)) {
        const parts = /^(.+)_(x?\d+)\.snap$/.exec(file);
        if (parts === null || seen.has(`${parts[1]}_${parts[2]}`) || seen.size >= MAX_PACKAGES) continue;
        seen.add(`${parts[1]}_${parts[2]}`);
        const state = folder === SEED ? 'seed' : 'unknown';
        known.push({ name: parts[1]!, revision: parts[2]!, state, type: null, essential: false });
      }
    }
    const owned = new OwnedFiles(root);
    return known.map((revision) => packageOf(revision, owned)).sort(comparePackages);
  },
};

function parseState(text: string, context: Context): Revision[] {
  const snaps = asObject(asObject(asObject(parseJson(text))?.data)?.snaps);
  if (snaps === undefined) {
    context.report('error', 'SNAP_STATE', 'state.json does not list snaps');
    return [];
  }
  const result: Revision[] = [];
  for (const [name, value] of Object.entries(snaps)) {
    const snap = asObject(value);
    const sequence = snap?.sequence;
    if (name === '' || snap === undefined || !Array.isArray(sequence)) {
      context.report('error', 'SNAP_STATE', `${name}: no sequence of revisions`);
      continue;
    }
    const current = textOf(snap.current);
    const type = textOf(snap.type) ?? 'app';
    const seen = new Set<string>();
    for (const one of sequence) {
      // snapd 2.60 wraps what stood here before, when components came.
      const revision = textOf((asObject(asObject(one)?.snap) ?? asObject(one))?.revision);
      if (revision === undefined || revision === '' || seen.has(revision)) continue;
      if (result.length >= MAX_PACKAGES) return result;
      seen.add(revision);
      const isCurrent = revision === current;
      result.push({
        name,
        revision,
        state: isCurrent && snap.active === true ? null : 'disabled',
        type,
        essential: isCurrent && (CARRIERS.has(type) || snap.required === true),
      });
    }
  }
  return result;
}

function packageOf({ name, revision, state, type, essential }: Revision, owned: OwnedFiles): Package {
  const file = `${name}_${revision}.snap`;
  for (const folder of [FILES, SEED]) owned.addPath(`${folder}/${file}`);
  for (const folder of ['/snap', '/var/lib/snapd/snap']) owned.addPath(`${folder}/${name}/${revision}`);
  // What the snap wrote itself, a folder per revision; it goes with the revision (`snap remove --revision`).
  const data = `/var/snap/${name}/${revision}`;
  if (owned.isDirectory(data)) owned.addTree(data);
  return {
    manager: 'snap',
    name,
    version: revision,
    architecture: null,
    installedSize: null,
    automatic: null,
    state,
    essential,
    section: type,
    priority: null,
    source: null,
    requires: [],
    provides: [],
    entries: owned.take(),
  };
}
