/** Left by `make install`; packages' own go with the -dev packages. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

const PLACES = /^\/(?:usr\/local|opt)\//;
/** Compilers and interpreters that link with what lies beside them; cargo and go read their own. */
const KEPT = /^\/usr\/local\/go\/|\/(?:rustlib|gcc|node_modules|config-\d[^/]*)\//;

export const staticLibraries: RemovalRule = {
  id: 'static-libraries',
  title: 'Static libraries of what was built here',
  safety: 'review',
  family: 'development',
  description: '*.a and *.la in /usr/local and /opt that no package owns: only linking reads them.',
  evaluate({ files, inspection }) {
    const found = ['a', 'la']
      .flatMap((extension) => files.filesWithExtension(extension))
      .map((entry) => ({ entry, path: files.pathOf(entry) }))
      .filter(({ entry, path }) => PLACES.test(path) && !KEPT.test(path) && files.ownerOf(entry) < 0)
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    if (found.length === 0) return [];
    const entries = found.map(({ entry }) => entry);
    const paths = found.map(({ path }) => path);
    return [
      {
        entries,
        paths,
        commands: [`rm -f ${paths.map(shellQuote).join(' ')}`],
        reason: `only a linker reads them (${evidenceOf(files, inspection.table, entries)})`,
      },
    ];
  },
};
