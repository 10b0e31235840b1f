/** Kinds of files by colour: forty kinds in nine groups that an eye tells apart. */

export interface Group {
  readonly title: string;
  readonly kinds: readonly string[];
}

/** Colour `--g0` … of page.css by position; the last takes whatever is in no other. */
export const GROUPS: readonly Group[] = [
  { title: 'Programs and libraries', kinds: ['programs', 'shared libraries', 'scripts'] },
  { title: 'Kernel and firmware', kinds: ['kernels and boot files', 'kernel modules', 'firmware'] },
  {
    title: 'Languages',
    kinds: ['python modules', 'python bytecode', 'perl modules', 'javascript', 'java archives'],
  },
  {
    title: 'Development',
    kinds: ['headers', 'sources', 'debug symbols', 'static libraries and objects', 'version control'],
  },
  {
    title: 'Documentation and locales',
    kinds: [
      'documentation',
      'manuals',
      'translations and locales',
      'time zones',
      'fonts',
      'images and icons',
    ],
  },
  {
    title: 'Caches, logs, leftovers',
    kinds: ['package indexes', 'caches', 'logs', 'temporary files', 'swap files'],
  },
  {
    title: 'Configuration and data',
    kinds: [
      'configuration',
      'package database',
      'databases',
      'data files',
      'certificates',
      'home directories',
    ],
  },
  {
    title: 'Containers and archives',
    kinds: ['containers and virtual machines', 'archives and packages'],
  },
  { title: 'Other', kinds: [] },
];

export const OTHER_GROUP = GROUPS.length - 1;

const GROUP_OF = new Map(GROUPS.flatMap(({ kinds }, index) => kinds.map((kind) => [kind, index] as const)));

/** Position in `GROUPS`. */
export function groupOfKind(kind: string): number {
  return GROUP_OF.get(kind) ?? OTHER_GROUP;
}
