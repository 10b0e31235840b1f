/** 133 MB on Debian 12. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const kernelSource: RemovalRule = packageRule({
  id: 'kernel-source',
  title: 'Source and documentation of the kernel',
  safety: 'safe',
  family: 'development',
  description: 'linux-source-*, kernel-doc: archives that only people open.',
  why: 'nothing on the machine reads them',
  names: /^(?:linux-source(?:-.*)?|linux-doc(?:-.*)?|kernel-doc|kernel-source)$/,
});
