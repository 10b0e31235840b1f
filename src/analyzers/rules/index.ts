/** All rules, sorted by id. A new one is a file, a line here, a test beside its sisters', and `npm run rules`. */
import type { HygieneRule, RemovalRule } from '../../core/contracts/rule.ts';
import { aptArchives } from './apt-archives.ts';
import { aptLists } from './apt-lists.ts';
import { aptPkgcache } from './apt-pkgcache.ts';
import { dpkgOld } from './dpkg-old.ts';
import { unneededPackages } from './unneeded-packages.ts';

export const REMOVAL_RULES: readonly RemovalRule[] = [
  aptArchives,
  aptLists,
  aptPkgcache,
  dpkgOld,
  unneededPackages,
];

export const HYGIENE_RULES: readonly HygieneRule[] = [];
