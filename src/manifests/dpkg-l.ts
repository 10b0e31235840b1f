/**
 * `dpkg -l`: a line per package, `ii  name:arch  version  arch  description`, below a heading that `grep '^ii'` often
 * took away. The second letter is the state (dpkg-query(1)).
 */
import { badLine, type ListReader, linesOf, PackageList, packageOf } from './manifest.ts';

const LINE = /^([uirph])([ncHUFWti])([ R])\s+(\S+)\s+(\S+)(?:\s+(\S+))?(?:\s.*)?$/;
const HEADING = /^(?:Desired=|\| Status=|\|\/ Err\?=|\|\|\/ Name|\+\+\+-)/;

const STATES: Record<string, string | null> = {
  i: null,
  c: 'config-files',
  H: 'half-installed',
  U: 'unpacked',
  F: 'half-configured',
  W: 'triggers-awaited',
  t: 'triggers-pending',
};

export const dpkgL: ListReader = {
  name: 'dpkg-l',
  recognises: (sample) => sample.every((line) => HEADING.test(line) || LINE.test(line)),
  read(text) {
    const packages = new PackageList();
    let hasArchitecture = true;
    for (const { line, number } of linesOf(text)) {
      if (HEADING.test(line)) {
        // Before multi-arch (dpkg 1.16) there was no such column.
        if (line.startsWith('||/')) hasArchitecture = /\sArchitecture\b/.test(line);
        continue;
      }
      const match = LINE.exec(line);
      if (match === null) throw badLine(number, line);
      const [, , letter, , full, version, third] = match;
      if (letter === 'n') continue; // not installed, or purged
      const [name, qualifier] = full!.split(':') as [string, string?];
      const architecture = (hasArchitecture ? third : undefined) ?? qualifier ?? null;
      packages.add(packageOf('dpkg', name, version!, { architecture, state: STATES[letter!] ?? null }));
    }
    return { packages: packages.list() };
  },
};
