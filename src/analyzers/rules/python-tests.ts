/** Tests inside installed Python packages, and the demonstrations of a Python that was built from source. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf, isUnowned, removeAll } from '../path-rule.ts';

/** What nothing but CPython's own developers and IDLE's users load. */
const STANDARD = new Set(['test', 'idlelib', 'turtledemo']);
const FROM_SOURCE = /^\/usr\/local\/lib\/python3[.\d]*$/;

export const pythonTests: RemovalRule = {
  id: 'python-tests',
  title: 'Tests inside Python packages',
  safety: 'risky',
  family: 'language leftovers',
  description:
    'test and tests directories of packages in site-packages, and test, idlelib and turtledemo of a Python in ' +
    '/usr/local, as far as no package of the distribution owns them.',
  evaluate({ files, inspection }) {
    const found: number[] = [];
    for (const folder of files.directoriesNamed('site-packages')) {
      for (const tests of files.children(folder).flatMap((one) => files.children(one))) {
        if (!/^tests?$/.test(files.name(tests)) || !isUnowned(files, tests)) continue;
        found.push(tests);
      }
      const library = inspection.table.parent[folder]!;
      if (!FROM_SOURCE.test(files.pathOf(library))) continue;
      for (const one of files.children(library)) {
        if (!STANDARD.has(files.name(one)) || !isUnowned(files, one)) continue;
        found.push(one);
      }
    }
    const entries = found.flatMap((entry) => files.tree(entry));
    if (entries.length === 0) return [];
    return [
      {
        entries,
        paths: found.slice(0, 20).map((entry) => files.pathOf(entry)),
        commands: removeAll(found.map((entry) => files.pathOf(entry))),
        reason: `few programs import their tests, but some do (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
