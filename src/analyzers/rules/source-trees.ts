/** Trees that something was built from. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

export const sourceTrees: RemovalRule = {
  id: 'source-trees',
  title: 'Source trees',
  safety: 'review',
  family: 'development',
  description:
    'Directories in /usr/src and /usr/local/src that no package owns a file of, and that DKMS does not build from.',
  evaluate({ files, inspection }) {
    return [...files.glob('/usr/src/*'), ...files.glob('/usr/local/src/*')]
      .map((entry) => ({ entry, tree: files.tree(entry), path: files.pathOf(entry) }))
      .filter(({ entry, tree }) => {
        if (!files.isDirectory(entry) || tree.length < 2) return false;
        if (tree.some((one) => !files.isDirectory(one) && files.ownerOf(one) >= 0)) return false;
        return !files.children(entry).some((one) => files.name(one) === 'dkms.conf');
      })
      .map(({ tree, path }) => ({
        title: `Source tree ${path}`,
        entries: tree,
        paths: [path],
        commands: [`rm -rf ${shellQuote(path)}`],
        reason: `what was built from it is installed elsewhere (${evidenceOf(files, inspection.table, tree)})`,
      }));
  },
};
