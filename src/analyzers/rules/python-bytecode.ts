/** Python's compiled modules: written again by whoever may write there, at the price of a slower first import. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';

export const pythonBytecode: RemovalRule = {
  id: 'python-bytecode',
  title: 'Python bytecode',
  safety: 'review',
  family: 'language leftovers',
  description:
    '__pycache__ directories whose files no package owns: Python compiles again, each time where it may not write.',
  evaluate({ files, inspection }) {
    const entries = files
      .directoriesNamed('__pycache__')
      .map((directory) => files.tree(directory))
      .filter((tree) => tree.every((entry) => files.isDirectory(entry) || files.ownerOf(entry) < 0))
      .flat();
    if (entries.length === 0) return [];
    return [
      {
        entries,
        paths: ['**/__pycache__'],
        commands: [
          'find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run \\) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +',
        ],
        reason: `compiled again at the first import, which is slower then (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
