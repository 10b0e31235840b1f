/**
 * What `flatpak uninstall --unused` takes: runtimes that no installed application needs, and deployments that are
 * no longer active. A deployment's files are hard links of the objects in the repository, which go with it when
 * nothing else is made of them.
 */
import type { RemovalRule, RuleInput } from '../../core/contracts/rule.ts';
import { wildcard } from '../guest-files.ts';
import { someOf } from '../suggest-text.ts';

const INSTALLATION = '/var/lib/flatpak';

export const flatpakRuntimes: RemovalRule = {
  id: 'flatpak-runtimes',
  title: 'Flatpak runtimes that nothing uses',
  safety: 'review',
  family: 'containers',
  description:
    'Runtimes and extensions in /var/lib/flatpak that no installed application needs, and deployments that an update ' +
    'replaced. Runtimes that are pinned (`flatpak pin`) stay.',
  async evaluate(input) {
    const { files, inspection } = input;
    const { packages, table } = inspection;
    const own = packages.map((one, index) => ({ one, index })).filter(({ one }) => one.manager === 'flatpak');
    if (own.length === 0) return [];
    const used = await usedRuntimes(input);
    const unused = own.filter(
      ({ one, index }) => one.state === 'inactive' || (one.section === 'runtime' && !used.has(index)),
    );
    if (unused.length === 0) return [];
    const deployed = unused.flatMap(({ one }) => [...one.entries]);
    // Hard links of the same files; flatpak prunes them afterwards.
    const inodes = new Set(
      deployed.filter((entry) => table.links[entry]! > 1).map((entry) => table.inode[entry]!),
    );
    const objects = files
      .tree(files.resolve(`${INSTALLATION}/repo/objects`))
      .filter((entry) => !files.isDirectory(entry) && inodes.has(table.inode[entry]!));
    const names = unused.map(({ one }) => `${one.name}/${one.version.replace(/@.*/, '')}`).sort();
    return [
      {
        entries: [...deployed, ...objects],
        paths: [...new Set(unused.map(({ one }) => `${INSTALLATION}/${one.section}/${one.name}`))].sort(),
        commands: ['flatpak uninstall --system --unused --assumeyes --noninteractive'],
        reason: `${someOf(names, 4)}: no installed application needs ${names.length === 1 ? 'it' : 'them'}`,
      },
    ];
  },
};

/** Runtimes that applications need, directly or through each other, extensions of those, and pinned ones. */
async function usedRuntimes({ files, inspection }: RuleInput): Promise<Set<number>> {
  const { packages } = inspection;
  const config = (await files.read(`${INSTALLATION}/repo/config`)) ?? '';
  const pinned = (/^xa\.pinned=(.*)$/m.exec(config)?.[1] ?? '')
    .split(';')
    .filter((one) => one !== '')
    .map(wildcard);
  const candidates = packages.flatMap((one, index) =>
    one.manager === 'flatpak' && one.state !== 'inactive' ? [index] : [],
  );
  const branch = (index: number): string => packages[index]!.version.replace(/@.*/, '');
  const needs = (from: number, to: number): boolean =>
    (packages[from]!.dependencies?.requires ?? []).some((alternatives) =>
      alternatives.some(
        ({ name, version }) => name === packages[to]!.name && (version === null || version === branch(to)),
      ),
    );
  const used = new Set(
    candidates.filter((index) => {
      const { name, section, architecture } = packages[index]!;
      const ref = `runtime/${name}/${architecture}/${branch(index)}`;
      return section === 'app' || pinned.some((pattern) => pattern.test(ref));
    }),
  );
  for (let before = -1; before !== used.size; ) {
    before = used.size;
    for (const index of candidates) {
      if (used.has(index)) continue;
      // Needed by what is used, or an extension of it.
      if (
        [...used].some(
          (other) => needs(other, index) || (packages[index]!.section === 'runtime' && needs(index, other)),
        )
      )
        used.add(index);
    }
  }
  return used;
}
