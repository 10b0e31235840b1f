/**
 * What apt never removes by itself, though it is automatic and nothing needs it: APT::NeverAutoRemove of its
 * configuration, and the packages of the two newest kernels (apt-pkg/algorithms.cc, APT::VersionedKernelPackages).
 */
import type { Package } from '../core/contracts/package.ts';
import type { GuestFiles } from '../core/contracts/rule.ts';
import { compareDpkg } from './versions.ts';

/** /etc/apt/apt.conf.d/01autoremove, as Debian and Ubuntu ship it. */
const NEVER = [
  '^firmware-linux.*',
  '^linux-firmware$',
  '^linux-image-[a-z0-9]*$',
  '^linux-image-[a-z0-9]*-[a-z0-9]*$',
];
const VERSIONED = /^(?:linux-.*|kfreebsd-.*|gnumach-.*|.*-modules|.*-kernel)-(\d[^-]*-.+)$/;
const IMAGE = /^linux-image-(?:unsigned-)?(\d.*)$/;
const KERNELS_KEPT = 2;

/** False where apt's configuration says that suggestions keep nothing, as in containers' base images. */
export async function aptKeepsSuggested(files: GuestFiles): Promise<boolean> {
  for (const entry of [...files.glob('/etc/apt/apt.conf.d/*'), ...files.glob('/etc/apt/apt.conf')]) {
    const text = (await files.readEntry(entry)) ?? '';
    if (/^[^#/\n]*AutoRemove::SuggestsImportant\s+"(?:false|no|0)"/im.test(text)) return false;
  }
  return true;
}

/** Positions of packages that autoremove leaves alone. */
export async function aptNeverRemoves(packages: readonly Package[], files: GuestFiles): Promise<number[]> {
  if (!packages.some((one) => one.manager === 'dpkg')) return [];
  const patterns = new Set(NEVER);
  for (const entry of files.glob('/etc/apt/apt.conf.d/*')) {
    const block = /NeverAutoRemove\s*\{([^}]*)\}/.exec((await files.readEntry(entry)) ?? '');
    if (block === null) continue;
    for (const quoted of block[1]!.matchAll(/"([^"]+)"/g)) patterns.add(quoted[1]!);
  }
  const matchers = [...patterns].flatMap(toRegExp);
  const versions = packages
    .filter((one) => one.manager === 'dpkg' && one.state === null)
    .flatMap((one) => IMAGE.exec(one.name)?.[1] ?? [])
    .sort((a, b) => compareDpkg(b, a));
  const kept = new Set(versions.slice(0, KERNELS_KEPT));
  const never: number[] = [];
  packages.forEach(({ manager, name, priority }, index) => {
    if (manager !== 'dpkg') return;
    const version = VERSIONED.exec(name)?.[1];
    if (
      priority === 'required' ||
      (version !== undefined && kept.has(version)) ||
      matchers.some((one) => one.test(name))
    ) {
      never.push(index);
    }
  });
  return never;
}

/** apt's patterns are POSIX ones, but what stands there is plain; the guest's that nobody understands says nothing. */
function toRegExp(pattern: string): RegExp[] {
  // Few repetitions, so that matching stays linear whatever the guest wrote.
  if (!/^[\w^$.*[\]+-]{1,100}$/.test(pattern) || pattern.split(/[*+]/).length > 4) return [];
  try {
    return [new RegExp(pattern)];
  } catch {
    return [];
  }
}
