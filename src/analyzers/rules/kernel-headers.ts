/** 60 MB per version on Debian. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { buildsNoModules, packageRule } from '../package-rule.ts';

export const kernelHeaders: RemovalRule = packageRule({
  id: 'kernel-headers',
  title: 'Kernel headers',
  safety: 'review',
  family: 'development',
  description:
    'linux-headers-*, kernel-devel and kernel-headers: only building modules needs them. Kept where DKMS or akmods have modules to build.',
  why: 'only building kernel modules needs them, and nothing here does',
  names:
    /^(?:linux-headers-.*|linux-headers|linux-kbuild-.*|kernel-devel.*|kernel-headers|kernel-default-devel|linux-(?:lts|virt)-dev)$/,
  when: buildsNoModules,
});
