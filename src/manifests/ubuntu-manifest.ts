/**
 * The `.manifest` beside an Ubuntu image: `dpkg-query -W`, and for snaps `snap:name<TAB>channel<TAB>revision`. Some
 * are published as what one build adds to another, a unified diff; what it takes away is not in the image.
 */
import { badLine, type ListReader, linesOf, PackageList, packageOf } from './manifest.ts';

const PACKAGE = /^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?[\t ](\S+)$/;
const SNAP = /^snap:([a-z0-9-]+)\t(\S+)\t(\S+)$/;
const DIFF = /^(?:--- |\+\+\+ |@@ |-)/;

const strip = (line: string): string => (line[0] === '+' || line[0] === ' ' ? line.slice(1) : line);
const isOne = (line: string): boolean => PACKAGE.test(strip(line)) || SNAP.test(strip(line));

export const ubuntuManifest: ListReader = {
  name: 'ubuntu-manifest',
  // Without snaps and diffs it is what dpkg-query prints, and read as that.
  recognises: (sample) =>
    sample.some((line) => SNAP.test(strip(line)) || /^\+\+\+ /.test(line)) &&
    sample.every((line) => DIFF.test(line) || isOne(line)),
  read(text) {
    const packages = new PackageList();
    for (const { line, number } of linesOf(text)) {
      if (DIFF.test(line)) continue;
      const plain = strip(line);
      const snap = SNAP.exec(plain);
      if (snap !== null) {
        packages.add(packageOf('snap', snap[1]!, snap[3]!));
        continue;
      }
      const match = PACKAGE.exec(plain);
      if (match === null) throw badLine(number, line);
      packages.add(packageOf('dpkg', match[1]!, match[3]!, { architecture: match[2] ?? null }));
    }
    return { packages: packages.list() };
  },
};
