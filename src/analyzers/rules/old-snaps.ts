/** snapd keeps the revision before the last, disabled. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { rpmvercmp } from '../versions.ts';

export const oldSnaps: RemovalRule = {
  id: 'old-snaps',
  title: 'Old revisions of snaps',
  safety: 'safe',
  family: 'containers',
  description: 'Snaps in /var/lib/snapd/snaps that are not the current revision, by /snap/<name>/current.',
  evaluate({ files }) {
    const revisions = new Map<string, { revision: string; entry: number }[]>();
    for (const entry of files.glob('/var/lib/snapd/snaps/*.snap')) {
      const match = /^([a-z0-9-]+)_(x?\d+)\.snap$/.exec(files.name(entry));
      if (match === null || !files.isFile(entry)) continue;
      const list = revisions.get(match[1]!) ?? [];
      list.push({ revision: match[2]!, entry });
      revisions.set(match[1]!, list);
    }
    const old: { name: string; revision: string; entry: number }[] = [];
    for (const [name, list] of revisions) {
      if (list.length < 2) continue;
      const link = [`/snap/${name}/current`, `/var/lib/snapd/snap/${name}/current`]
        .map((path) => files.resolve(path))
        .find((entry) => entry >= 0);
      const newest = [...list].sort((a, b) => rpmvercmp(b.revision, a.revision))[0]!.revision;
      const current = link === undefined ? newest : files.name(link);
      if (!list.some(({ revision }) => revision === current)) continue;
      for (const one of list) if (one.revision !== current) old.push({ name, ...one });
    }
    if (old.length === 0) return [];
    return [
      {
        entries: old.map(({ entry }) => entry),
        paths: old.map(({ entry }) => files.pathOf(entry)),
        commands: old.map(({ name, revision }) => `snap remove ${name} --revision=${revision} || true`),
        reason: `${old.map(({ name, revision }) => `${name} ${revision}`).join(', ')}: a newer revision is current; snap set system refresh.retain=2 keeps fewer`,
      },
    ];
  },
};
