/** 60 MB, and a daemon that downloads more. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { packageRule } from '../package-rule.ts';

export const snapd: RemovalRule = packageRule({
  id: 'snapd',
  title: 'snapd and its snaps',
  safety: 'risky',
  family: 'containers',
  description: 'snapd where nothing but its own bases is installed as a snap.',
  why: 'no application is installed as a snap',
  names: /^snapd$/,
  when: ({ files }) =>
    files
      .glob('/var/lib/snapd/snaps/*.snap')
      .every((entry) => /^(?:core\d*|bare|snapd|lxd)_/.test(files.name(entry))),
});
