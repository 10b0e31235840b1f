/** What npm packages ship beside the code that runs: source maps, tests, documentation. */
import type { GuestFiles, RemovalRule } from '../../core/contracts/rule.ts';
import { evidenceOf } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

const FOLDERS = ['test', 'tests', '__tests__', 'docs', '.github', 'examples'];

/** node_modules directories that lie in no other. */
function outermost(files: GuestFiles): number[] {
  return files
    .directoriesNamed('node_modules')
    .filter((entry) => !/\/node_modules\//.test(files.pathOf(entry)));
}

/** What can go below one of them: of every package in it, nested ones too. */
function leftoversOf(files: GuestFiles, root: number): number[] {
  const tree = files.tree(root);
  const found = new Set<number>();
  const folders = tree.filter((entry) => files.isDirectory(entry) && files.name(entry) === 'node_modules');
  for (const folder of folders) {
    const packages = files
      .children(folder)
      .flatMap((one) => (files.name(one).startsWith('@') ? files.children(one) : [one]));
    for (const inner of packages.flatMap((one) => files.children(one))) {
      if (!files.isDirectory(inner) || !FOLDERS.includes(files.name(inner))) continue;
      for (const entry of files.tree(inner)) found.add(entry);
    }
  }
  for (const entry of tree) {
    const name = files.name(entry);
    if (!files.isFile(entry) || !/\.(?:map|md|markdown)$/i.test(name)) continue;
    if (name.endsWith('.map') || (!/\.map$/i.test(name) && !/licen[cs]e/i.test(name))) found.add(entry);
  }
  return [...found];
}

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
    const found = outermost(files).map((root) => ({ root, entries: leftoversOf(files, root) }));
    // One that a package of the distribution brought is left to that package.
    const free = found.filter(
      ({ entries }) =>
        entries.some((entry) => files.isFile(entry)) && entries.every((entry) => files.ownerOf(entry) < 0),
    );
    if (free.length === 0) return [];
    const entries = free.flatMap((one) => one.entries);
    const paths = free.map(({ root }) => files.pathOf(root)).sort();
    const folders = FOLDERS.flatMap((name) => [`"$folder"/*/${name}`, `"$folder"/@*/*/${name}`]).join(' ');
    return [
      {
        entries,
        paths,
        commands: paths
          .map(shellQuote)
          .flatMap((path) => [
            `if [ -d ${path} ]; then find ${path} -type f \\( -name '*.map' -o -iname '*.md' -o -iname '*.markdown' \\) ! -iname '*license*' ! -iname '*licence*' -exec rm -f {} +; fi`,
            `if [ -d ${path} ]; then find ${path} -type d -name node_modules -exec sh -c 'for folder; do rm -rf ${folders}; done' sh {} +; fi`,
          ]),
        reason: `not loaded when programs run, with exceptions (${evidenceOf(files, table, entries)})`,
      },
    ];
  },
};
