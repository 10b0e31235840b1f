/** Anchored at the end of the name, and without systemd-dev, which is no header package. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { buildsNoModules, packageRule } from '../package-rule.ts';

export const developmentPackages: RemovalRule = packageRule({
  id: 'development-packages',
  title: 'Development packages',
  safety: 'review',
  family: 'development',
  description: '*-dev, *-devel and *-static: headers and static libraries that only compilers read.',
  why: 'only compilers read headers and static libraries',
  names: /(?:-dev|-devel|-static|-dev-bin)$/,
  except: /^(?:systemd-dev|.*-headers-.*|manpages-dev)$/,
  when: buildsNoModules,
});
