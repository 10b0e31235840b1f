/** It also stands in every initramfs. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isForVirtualMachines, packageRule } from '../package-rule.ts';

export const microcode: RemovalRule = packageRule({
  id: 'microcode',
  title: 'CPU microcode',
  safety: 'review',
  family: 'platform',
  description:
    'intel-microcode and amd64-microcode where the image is for virtual machines: the host loads it.',
  why: 'the host loads microcode; a guest cannot',
  names:
    /^(?:intel-microcode|amd64-microcode|iucode-tool|microcode_ctl|intel-ucode|amd-ucode|ucode-intel|ucode-amd)$/,
  when: isForVirtualMachines,
});
