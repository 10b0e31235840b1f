/** git is 44 MB on Debian. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const versionControlTools: RemovalRule = packageRule({
  id: 'version-control-tools',
  title: 'Version control tools',
  safety: 'review',
  family: 'development',
  description: 'git, subversion, mercurial: builds fetch with them, servers seldom do.',
  why: 'fetched during the build; check that nothing on the machine deploys with it',
  names: /^(?:git|git-core|git-all|subversion|mercurial|bzr|cvs|git-lfs)$/,
});
