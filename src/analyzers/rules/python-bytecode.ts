/** Python's compiled modules: written again by whoever may write there, at the price of a slower first import. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf, isUnowned, mountPointsOf, removeAll } from '../path-rule.ts';

export const pythonBytecode: RemovalRule = {
  id: 'python-bytecode',
  title: 'Python bytecode',
  safety: 'review',
  family: 'language leftovers',
  description:
    '__pycache__ directories whose files no package owns: Python compiles again, each time where it may not write.',
  evaluate({ files, inspection }) {
    const all = files.directoriesNamed('__pycache__');
    const free = all.filter((directory) => isUnowned(files, directory));
    const entries = free.flatMap((directory) => files.tree(directory));
    if (entries.length === 0) return [];
    return [
      {
        entries,
        paths: ['**/__pycache__'],
        // rpm's packages own their bytecode: then only the others' directories, one by one.
        commands:
          free.length === all.length
            ? [
                `find ${mountPointsOf(inspection, free)} -xdev -type d -name __pycache__ -prune -exec rm -rf {} +`,
              ]
            : removeAll(free.map((directory) => files.pathOf(directory))),
        reason: `compiled again at the first import, which is slower then (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
