/**
 * `dpkg-query -W`, with the fields of its own or of a format (`-f`), and `dpkg --get-selections`. Ubuntu's manifests
 * are the same. Installed-Size is KiB.
 */
import { readTable, recogniseTable } from './columns.ts';
import { type ListReader, type ManifestNote, PackageList, packageOf, sizeOf } from './manifest.ts';

export const AMBIGUOUS_SIZE: ManifestNote = {
  severity: 'warning',
  code: 'MANIFEST_SIZE_AMBIGUOUS',
  message: 'several columns could be sizes, so none was taken: print one',
};

export const dpkgQuery: ListReader = {
  name: 'dpkg-query',
  recognises: (sample) => recogniseTable(sample) === 'dpkg',
  read(text) {
    const { rows, isSizeAmbiguous } = readTable(text, 'dpkg');
    const packages = new PackageList();
    for (const { name, version, architecture, size, state } of rows) {
      packages.add(
        packageOf('dpkg', name, version, { architecture, installedSize: sizeOf(size, 1024), state }),
      );
    }
    return { packages: packages.list(), notes: isSizeAmbiguous ? [AMBIGUOUS_SIZE] : [] };
  },
};
