/** Often ten times the size of what they describe. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const debugPackages: RemovalRule = packageRule({
  id: 'debug-packages',
  title: 'Packages of debug symbols',
  safety: 'safe',
  family: 'development',
  description: '*-dbg, *-dbgsym, *-debuginfo, *-debugsource: only debuggers read them.',
  why: 'only debuggers read them',
  names: /(?:-dbg|-dbgsym|-debuginfo|-debuginfo-common.*|-debugsource)$/,
});
