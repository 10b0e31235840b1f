/** History of what was cloned during the build. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';

export const gitRepositories: RemovalRule = {
  id: 'git-repositories',
  title: 'Git history of cloned repositories',
  safety: 'review',
  family: 'development',
  description:
    '.git directories that hold objects: the history of what was cloned. Clone with --depth 1, delete .git.',
  evaluate({ files }) {
    return files
      .directoriesNamed('.git')
      .filter((directory) => files.children(directory).some((entry) => files.name(entry) === 'objects'))
      .filter((directory) => files.tree(directory).every((entry) => files.ownerOf(entry) < 0))
      .map((directory) => ({
        title: `Git history in ${files.pathOf(directory)}`,
        entries: files.tree(directory),
        paths: [files.pathOf(directory)],
        commands: [`rm -rf ${shellQuote(files.pathOf(directory))}`],
        reason: 'the checked-out files stay; only pulling updates needs the history',
      }));
  },
};
