/**
 * `dnf list --installed` and `yum list installed`: `name.arch  version-release  @repository`. In a pipe both fold
 * what is wider than 80 columns, so words are read rather than lines.
 */
import { badLine, type ListReader, linesOf, PackageList, packageOf } from './manifest.ts';

const HEADING =
  /^(?:Installed [Pp]ackages|Last metadata expiration check|Loaded plugins|Updating |Repositories loaded)/;
const NAME = /^([A-Za-z0-9_][\w+.~-]*)\.([a-z0-9_]+|\(none\))$/;
const VERSION = /^[\w.:+~^-]*\d[\w.:+~^-]*$/;

export const dnfList: ListReader = {
  name: 'dnf-list',
  recognises: (sample) => sample.some((line) => /^Installed [Pp]ackages$/.test(line)),
  read(text) {
    const packages = new PackageList();
    let words: string[] = [];
    for (const { line, number } of linesOf(text)) {
      if (HEADING.test(line)) continue;
      words.push(...line.trim().split(/\s+/));
      if (words.length < 3) continue;
      const [full, version, ...rest] = words as [string, string, ...string[]];
      const match = NAME.exec(full);
      if (match === null || !VERSION.test(version) || rest.length > 1) throw badLine(number, line);
      const architecture = match[2] === '(none)' ? null : match[2]!;
      packages.add(packageOf('rpm', match[1]!, version, { architecture }));
      words = [];
    }
    return { packages: packages.list() };
  },
};
