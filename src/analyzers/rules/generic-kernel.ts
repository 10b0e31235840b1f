/** Debian's generic kernel is four times its cloud kernel; Alpine's lts is many times its virt. */
import type { Finding, RemovalRule, RuleInput } from '../../core/contracts/rule.ts';
import { formatSize } from '../../core/size.ts';
import { isForVirtualMachines } from '../package-rule.ts';

interface Flavour {
  readonly os: readonly string[];
  readonly isGeneric: (version: string) => boolean;
  readonly isSmall: (version: string) => boolean;
  /** Names the packages of a generic kernel that its version does not appear in. */
  readonly metapackages: RegExp;
  readonly install: string;
}

const FLAVOURS: readonly Flavour[] = [
  {
    os: ['debian'],
    isGeneric: (version) => /-(?:amd64|arm64)$/.test(version) && !/-(?:cloud|rt)-/.test(version),
    isSmall: (version) => /-cloud-(?:amd64|arm64)$/.test(version),
    metapackages: /^linux-(?:image|headers)-(?:amd64|arm64)$/,
    install:
      'apt-get install linux-image-cloud-amd64 (or -arm64), purge linux-image-amd64 and its image, update-grub',
  },
  {
    os: ['alpine'],
    isGeneric: (version) => /(?:^|-)lts$/.test(version),
    isSmall: (version) => /(?:^|-)virt$/.test(version),
    metapackages: /^linux-lts$/,
    install: 'apk add linux-virt, apk del linux-lts, and let the boot loader start vmlinuz-virt',
  },
];

export const genericKernel: RemovalRule = {
  id: 'generic-kernel',
  title: 'Kernel with drivers for all hardware',
  safety: 'risky',
  family: 'kernels',
  description:
    'A generic kernel where the image is for virtual machines and the distribution has a small one for them (Debian’s ' +
    'cloud, Alpine’s virt). Where the small one is installed and started, the generic one can go; otherwise it tells how ' +
    'much it occupies.',
  evaluate(input) {
    const { boot, inspection } = input;
    const flavour = FLAVOURS.find(({ os }) => os.includes(inspection.os?.id ?? ''));
    if (flavour === undefined || !isForVirtualMachines(input)) return [];
    const kernels = boot.kernels.filter(({ image }) => image >= 0);
    const generic = kernels.filter(({ version }) => flavour.isGeneric(version));
    if (generic.length === 0) return [];
    const starts = boot.defaultVersion ?? '';
    return flavour.isSmall(starts)
      ? [whole(input, flavour, generic, starts)]
      : [toReplace(input, flavour, generic)];
  },
};

type Kernels = RuleInput['boot']['kernels'];

function whole(
  { boot, graph, inspection }: RuleInput,
  flavour: Flavour,
  generic: Kernels,
  starts: string,
): Finding {
  const own = generic.flatMap(({ packages, version }) =>
    packages.filter((index) => {
      const { name } = inspection.packages[index]!;
      return name.endsWith(version) || flavour.metapackages.test(name);
    }),
  );
  return {
    packages: [...new Set([...own, ...graph.matching(flavour.metapackages)])],
    // Without a boot loader's word on it, a person should look first.
    safety: boot.isConfigured ? 'review' : 'risky',
    paths: [],
    commands: [],
    reason: `${starts}, which is made for virtual machines, starts by default (${boot.evidence})`,
  };
}

function toReplace({ files, inspection }: RuleInput, flavour: Flavour, generic: Kernels): Finding {
  const { table } = inspection;
  const entries = generic.flatMap(({ image, initramfs, modules }) => [
    ...(image < 0 ? [] : [image]),
    ...initramfs,
    ...files.tree(modules),
  ]);
  const bytes = entries.reduce((sum, entry) => sum + table.allocated[entry]!, 0);
  return {
    bytes: 0,
    paths: generic.map(({ image }) => files.pathOf(image)),
    commands: [],
    reason: `it occupies ${formatSize(bytes)} with modules and initramfs; the kernel for virtual machines is a fraction of that: ${flavour.install}`,
  };
}
