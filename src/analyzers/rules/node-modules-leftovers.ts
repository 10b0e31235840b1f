/** What npm packages ship beside the code that runs: source maps, tests, documentation. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { evidenceOf } from '../path-rule.ts';

const FOLDERS = new Set(['test', 'tests', '__tests__', 'docs', '.github', 'examples']);

export const nodeModulesLeftovers: RemovalRule = {
  id: 'node-modules-leftovers',
  title: 'Source maps, tests and documentation in node_modules',
  safety: 'risky',
  family: 'language leftovers',
  description:
    '*.map and *.md files and test, docs, examples and .github directories of packages in node_modules that no ' +
    'package of the distribution owns. Licences stay. `npm ci --omit=dev` often saves more.',
  evaluate({ files, inspection }) {
    const { table } = inspection;
    const entries: number[] = [];
    const visited = new Set<number>();
    const packagesIn = (folder: number): number[] =>
      files
        .children(folder)
        .flatMap((one) => (files.name(one).startsWith('@') ? files.children(one) : [one]))
        .filter((one) => files.isDirectory(one));
    for (const folder of files.directoriesNamed('node_modules')) {
      for (const one of packagesIn(folder)) {
        for (const inner of files.children(one)) {
          if (files.isDirectory(inner) && FOLDERS.has(files.name(inner))) {
            for (const entry of files.tree(inner)) visited.add(entry);
          }
        }
        for (const entry of files.tree(one)) {
          if (table.type[entry] !== FILE_TYPE.file) continue;
          const name = files.name(entry);
          if (/\.map$/.test(name) || (/\.(?:md|markdown)$/i.test(name) && !/licen[cs]e/i.test(name)))
            visited.add(entry);
        }
      }
    }
    for (const entry of visited) if (files.ownerOf(entry) < 0) entries.push(entry);
    if (!entries.some((entry) => files.isFile(entry))) return [];
    return [
      {
        entries,
        paths: ['**/node_modules/**'],
        commands: [
          "find / -xdev -path '*/node_modules/*' -type f \\( -name '*.map' -o -iname '*.md' -o -iname '*.markdown' \\) ! -iname '*license*' ! -iname '*licence*' -delete",
          "find / -xdev -type d -regextype posix-extended -regex '.*/node_modules/(@[^/]+/)?[^/]+/(test|tests|__tests__|docs|\\.github|examples)' -prune -exec rm -rf {} +",
        ],
        reason: `not loaded when programs run, with exceptions (${evidenceOf(files, table, entries)})`,
      },
    ];
  },
};
