/** Two versions of one thing: the upgrade of a runtime that left the old one behind. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { someOf } from '../suggest-text.ts';
import { rpmvercmp } from '../versions.ts';

/** What comes in several versions at once, with the version in the name. */
const RUNTIMES: readonly { readonly what: string; readonly name: RegExp }[] = [
  { what: 'Python', name: /^(?:lib)?python(\d\.\d+)(?:-(?:minimal|stdlib|dev|venv|distutils|libs))?$/ },
  { what: 'Java', name: /^(?:openjdk-|java-)(\d+(?:\.\d+\.\d+)?)-(?:openjdk|jre|jdk)(?:-headless|-devel)?$/ },
  { what: 'PHP', name: /^php(\d\.\d)(?:-[a-z0-9]+)?$/ },
  { what: 'Ruby', name: /^(?:lib)?ruby(\d\.\d)$/ },
  { what: 'LLVM', name: /^(?:lib)?(?:llvm|clang)-?(\d+)(?:-.*)?$/ },
  { what: 'GCC', name: /^(?:gcc|g\+\+|cpp|libgcc|libstdc\+\+)-(\d+)(?:-dev|-base)?$/ },
  { what: 'PostgreSQL', name: /^postgresql(?:-client|-contrib)?-?(\d+)(?:-server)?$/ },
  { what: 'ICU', name: /^libicu(\d\d)$/ },
  { what: 'Boost', name: /^libboost-[a-z]+(\d\.\d+)(?:\.\d+)?$/ },
  { what: 'Node.js', name: /^nodejs(\d+)(?:-.*)?$/ },
];

export const supersededVersions: RemovalRule = {
  id: 'superseded-versions',
  title: 'Older versions beside newer ones',
  safety: 'review',
  family: 'packages',
  description:
    'Runtimes that are installed in several versions (Python, Java, PHP, Ruby, LLVM, GCC, PostgreSQL, ICU …): the older ones, as far as nothing requires them.',
  evaluate({ graph, inspection }) {
    return RUNTIMES.flatMap(({ what, name }) => {
      const versions = new Map<string, number[]>();
      for (const index of graph.matching(name)) {
        const version = name.exec(inspection.packages[index]!.name)![1]!;
        versions.set(version, [...(versions.get(version) ?? []), index]);
      }
      const sorted = [...versions.keys()].sort(rpmvercmp);
      const newest = sorted.pop();
      return sorted.map((version) => ({
        title: `${what} ${version} beside ${newest}`,
        packages: versions.get(version)!,
        paths: [],
        commands: [],
        reason: `${someOf(
          versions.get(version)!.map((index) => inspection.packages[index]!.name),
          4,
        )}: nothing requires this version`,
      }));
    });
  },
};
