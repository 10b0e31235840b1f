/** `rpm -qa`: one name-version-release.arch a line, or the columns of a query format (`--qf`). SIZE is bytes. */
import { parseNevra, readTable, recogniseTable } from './columns.ts';
import { AMBIGUOUS_SIZE } from './dpkg-query.ts';
import { badLine, type ListReader, linesOf, PackageList, packageOf, sizeOf } from './manifest.ts';

const isPlain = (line: string): boolean => parseNevra(line.trim()) !== null;

export const rpmQa: ListReader = {
  name: 'rpm-qa',
  recognises: (sample) => sample.every(isPlain) || recogniseTable(sample) === 'rpm',
  read(text) {
    const packages = new PackageList();
    const first = linesOf(text).next().value?.line ?? '';
    if (isPlain(first)) {
      for (const { line, number } of linesOf(text)) {
        const nevra = parseNevra(line.trim());
        if (nevra === null) throw badLine(number, line);
        packages.add(packageOf('rpm', nevra.name, nevra.version, { architecture: nevra.architecture }));
      }
      return { packages: packages.list() };
    }
    const { rows, isSizeAmbiguous } = readTable(text, 'rpm');
    for (const { name, version, architecture, size } of rows) {
      packages.add(packageOf('rpm', name, version, { architecture, installedSize: sizeOf(size) }));
    }
    return { packages: packages.list(), notes: isSizeAmbiguous ? [AMBIGUOUS_SIZE] : [] };
  },
};
