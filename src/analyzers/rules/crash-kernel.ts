/** Their own initramfs in /var/lib/kdump goes with them only if its scripts remove it. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const crashKernel: RemovalRule = packageRule({
  id: 'crash-kernel',
  title: 'Tools that dump a crashed kernel',
  safety: 'review',
  family: 'packages',
  description: 'kdump-tools, kexec-tools and crash: they also reserve memory at boot.',
  why: 'they reserve memory on every machine for a dump that few read',
  names: /^(?:kdump-tools|kdump-utils|kexec-tools|crash|makedumpfile|linux-crashdump)$/,
});
