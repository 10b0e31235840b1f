/** `dnf clean all` leaves files of disabled repositories and of other releases behind; the folders hold nothing else. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const dnfCache: RemovalRule = pathRule({
  id: 'dnf-cache',
  title: 'Metadata and packages that dnf or yum downloaded',
  safety: 'safe',
  family: 'package caches',
  description:
    '/var/cache/dnf, /var/cache/yum, /var/cache/libdnf5 and PackageKit’s copy: fetched again when needed.',
  why: 'fetched again when anything is installed',
  places: [
    {
      patterns: ['/var/cache/dnf/*', '/var/cache/yum/*', '/var/cache/libdnf5/*', '/var/cache/PackageKit/*'],
      command: 'rm -rf /var/cache/dnf/* /var/cache/yum/* /var/cache/libdnf5/* /var/cache/PackageKit/*',
    },
  ],
});
