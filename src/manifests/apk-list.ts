/**
 * `apk list -I`: `musl-1.2.4-r2 x86_64 {musl} (MIT) [installed]` (apk-tools' src/app_list.c). Without -I it lists
 * what could be installed as well, which is not in the image; with -v descriptions stand below, indented. With
 * --manifest it prints `name version`.
 */
import { parseFull } from './apk-name.ts';
import { readTable, recogniseTable } from './columns.ts';
import { badLine, type ListReader, linesOf, PackageList, packageOf } from './manifest.ts';

const LINE = /^(\S+) ([a-z0-9_]+) \{[^}]*\} \(.*\)(?: \[([^\]]*)\])?$/;
const TALK = /^(?:WARNING: |\s)/;

const isEntry = (line: string): boolean => LINE.test(line);

export const apkList: ListReader = {
  name: 'apk-list',
  recognises: (sample) =>
    (sample.some(isEntry) && sample.every((line) => TALK.test(line) || isEntry(line))) ||
    recogniseTable(sample) === 'apk',
  read(text) {
    const packages = new PackageList();
    if (![...linesOf(text)].some(({ line }) => isEntry(line))) {
      for (const { name, version } of readTable(text, 'apk').rows)
        packages.add(packageOf('apk', name, version));
      return { packages: packages.list() };
    }
    for (const { line, number } of linesOf(text)) {
      if (TALK.test(line)) continue;
      const [, full, architecture, state] = LINE.exec(line) ?? [];
      const one = full === undefined ? null : parseFull(full);
      if (one === null) throw badLine(number, line);
      if (state === 'installed')
        packages.add(packageOf('apk', one.name, one.version, { architecture: architecture! }));
    }
    return { packages: packages.list() };
  },
};
