/**
 * `apt list --installed`: `name/suite,now version arch [installed,automatic]`. Where there is a newer version it tells
 * that (`upgradable to`) in place of the reason of installation, and where it knows no source, `local`.
 */
import { badLine, type ListReader, linesOf, PackageList, packageOf } from './manifest.ts';

const LINE =
  /^([a-z0-9][a-z0-9+.-]*)\/\S+ (\S+) (\S+) \[(installed|residual-config|upgradable from)([^\]]*)\]/;
// apt says that its output is no interface, and that it lists.
const TALK = /^(?:Listing\.\.\.|WARNING: apt does not have|N: )/;

export const aptList: ListReader = {
  name: 'apt-list',
  recognises: (sample) =>
    sample.some((line) => LINE.test(line)) && sample.every((line) => TALK.test(line) || LINE.test(line)),
  read(text) {
    const packages = new PackageList();
    for (const { line, number } of linesOf(text)) {
      if (TALK.test(line)) continue;
      const match = LINE.exec(line);
      if (match === null) throw badLine(number, line);
      const [, name, version, architecture, state, rest] = match;
      packages.add(
        packageOf('dpkg', name!, version!, {
          architecture: architecture!,
          automatic: state === 'installed' ? reasonIn(rest!) : null,
          state: state === 'residual-config' ? 'config-files' : null,
        }),
      );
    }
    return { packages: packages.list() };
  },
};

function reasonIn(rest: string): boolean | null {
  if (rest === '') return false;
  return rest === ',automatic' || rest === ',auto-removable' ? true : null;
}
