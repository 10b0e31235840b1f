/** All rules, sorted by id. A new one is a file, a line here, a test beside its sisters’, and `npm run rules`. */
import type { HygieneRule, RemovalRule } from '../../core/contracts/rule.ts';
import { ansibleLeftovers } from './ansible-leftovers.ts';
import { apkCache } from './apk-cache.ts';
import { aptArchives } from './apt-archives.ts';
import { aptLists } from './apt-lists.ts';
import { aptPkgcache } from './apt-pkgcache.ts';
import { cargoCache } from './cargo-cache.ts';
import { composerCache } from './composer-cache.ts';
import { condaPackages } from './conda-packages.ts';
import { coreDumps } from './core-dumps.ts';
import { debugFiles } from './debug-files.ts';
import { dkmsBuild } from './dkms-build.ts';
import { dnfCache } from './dnf-cache.ts';
import { dnfHistory } from './dnf-history.ts';
import { dpkgOld } from './dpkg-old.ts';
import { gemCache } from './gem-cache.ts';
import { generatedCaches } from './generated-caches.ts';
import { goCache } from './go-cache.ts';
import { goDistribution } from './go-distribution.ts';
import { homeCaches } from './home-caches.ts';
import { iconCaches } from './icon-caches.ts';
import { installerLogs } from './installer-logs.ts';
import { journal } from './journal.ts';
import { jvmBuildCaches } from './jvm-build-caches.ts';
import { lostAndFound } from './lost-and-found.ts';
import { nodeCaches } from './node-caches.ts';
import { pacmanCache } from './pacman-cache.ts';
import { pacmanSync } from './pacman-sync.ts';
import { pipCache } from './pip-cache.ts';
import { selinuxBackups } from './selinux-backups.ts';
import { snapCache } from './snap-cache.ts';
import { temporaryFiles } from './temporary-files.ts';
import { unneededPackages } from './unneeded-packages.ts';
import { virtualboxSources } from './virtualbox-sources.ts';
import { zypperCache } from './zypper-cache.ts';

export const REMOVAL_RULES: readonly RemovalRule[] = [
  ansibleLeftovers,
  apkCache,
  aptArchives,
  aptLists,
  aptPkgcache,
  cargoCache,
  composerCache,
  condaPackages,
  coreDumps,
  debugFiles,
  dkmsBuild,
  dnfCache,
  dnfHistory,
  dpkgOld,
  gemCache,
  generatedCaches,
  goCache,
  goDistribution,
  homeCaches,
  iconCaches,
  installerLogs,
  journal,
  jvmBuildCaches,
  lostAndFound,
  nodeCaches,
  pacmanCache,
  pacmanSync,
  pipCache,
  selinuxBackups,
  snapCache,
  temporaryFiles,
  unneededPackages,
  virtualboxSources,
  zypperCache,
];

export const HYGIENE_RULES: readonly HygieneRule[] = [];
