/** The built modules lie in /lib/modules; the tree is only left after a failure or with old versions. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const dkmsBuild: RemovalRule = pathRule({
  id: 'dkms-build',
  title: 'Build trees of DKMS',
  safety: 'safe',
  family: 'development',
  description: '/var/lib/dkms/*/*/build: objects of modules that are installed already.',
  why: 'DKMS builds afresh for every kernel',
  places: [{ patterns: ['/var/lib/dkms/*/*/build'], command: 'rm -rf /var/lib/dkms/*/*/build' }],
});
