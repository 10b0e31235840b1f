/**
 * The shape of rules about packages: a pattern of names, and why an image need not carry them. The engine drops
 * those that something else requires, so a pattern may be generous.
 */
import type { Safety } from '../core/contracts/report.ts';
import type { RemovalRule, RuleFamily, RuleInput } from '../core/contracts/rule.ts';
import { someOf } from './suggest-text.ts';

export interface PackageRule {
  readonly id: string;
  readonly title: string;
  readonly safety: Safety;
  readonly family: RuleFamily;
  readonly description: string;
  /** The second half of a sentence that begins with the packages. */
  readonly why: string;
  readonly names: RegExp;
  readonly except?: RegExp;
  /** Only then. */
  readonly when?: (input: RuleInput) => boolean;
}

export function packageRule({ why, names, except, when, ...rule }: PackageRule): RemovalRule {
  return {
    ...rule,
    evaluate(input) {
      if (when?.(input) === false) return [];
      const { packages } = input.inspection;
      const found = input.graph
        .matching(names)
        .filter((index) => except?.test(packages[index]!.name) !== true && !input.graph.isProtected(index));
      if (found.length === 0) return [];
      const shown = [...new Set(found.map((index) => packages[index]!.name))];
      return [{ packages: found, paths: [], commands: [], reason: `${someOf(shown, 6)}: ${why}` }];
    },
  };
}

/**
 * Nothing rebuilds kernel modules here, so that headers and compilers are not needed for the next kernel. DKMS
 * without a module is a tool that waits for work.
 */
export function buildsNoModules({ files, graph }: RuleInput): boolean {
  return (
    graph.matching(/^(?:akmods?(?:-.*)?|.*-dkms|dkms-.*|kmod-build)$/).length === 0 &&
    files.glob('/var/lib/dkms/*/*').length === 0 &&
    files.glob('/usr/src/*/dkms.conf').length === 0
  );
}

const VIRTUAL =
  /^(?:qemu-guest-agent|open-vm-tools|virtualbox-guest-.*|hyperv-daemons|cloud-init|waagent|walinuxagent|google-guest-agent|amazon-ssm-agent|ec2-.*|xe-guest-utilities|spice-vdagent|linux-image-cloud-.*|linux-(?:aws|azure|gcp|kvm|virtual|oracle).*)$/;

/** The image is for virtual machines: a platform was named, or the guest carries what only those need. */
export function isForVirtualMachines({ graph, options }: RuleInput): boolean {
  return options.platform !== null || graph.matching(VIRTUAL).length > 0;
}
