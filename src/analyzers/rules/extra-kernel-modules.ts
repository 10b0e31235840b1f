/** 50 to 400 MB per kernel. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isForVirtualMachines, packageRule } from '../package-rule.ts';

export const extraKernelModules: RemovalRule = packageRule({
  id: 'extra-kernel-modules',
  title: 'Extra kernel modules',
  safety: 'review',
  family: 'platform',
  description:
    'linux-modules-extra-* and kernel-modules-extra where the image is for virtual machines: drivers of sound, wireless and graphics.',
  why: 'drivers of sound cards, wireless and graphics, which virtual machines do not have',
  names: /^(?:linux-modules-extra-.*|linux-image-extra-.*|kernel-modules-extra|kernel-modules-internal)$/,
  when: isForVirtualMachines,
});
