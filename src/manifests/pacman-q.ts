/** `pacman -Q`: `name version` a line; with a colour-free terminal nothing else. */
import { readTable, recogniseTable } from './columns.ts';
import { type ListReader, PackageList, packageOf } from './manifest.ts';

export const pacmanQ: ListReader = {
  name: 'pacman-q',
  recognises: (sample) => recogniseTable(sample) === 'pacman',
  read(text) {
    const packages = new PackageList();
    for (const { name, version } of readTable(text, 'pacman').rows)
      packages.add(packageOf('pacman', name, version));
    return { packages: packages.list() };
  },
};
