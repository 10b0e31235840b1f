/** All rules, sorted by id. A new one is a file, a line here, a test beside its sisters’, and `npm run rules`. */
import type { HygieneRule, RemovalRule } from '../../core/contracts/rule.ts';
import { ansibleLeftovers } from './ansible-leftovers.ts';
import { apkCache } from './apk-cache.ts';
import { aptArchives } from './apt-archives.ts';
import { aptLists } from './apt-lists.ts';
import { aptPkgcache } from './apt-pkgcache.ts';
import { authorizedKeys } from './authorized-keys.ts';
import { backupFiles } from './backup-files.ts';
import { btrfsSnapshots } from './btrfs-snapshots.ts';
import { builderSudoers } from './builder-sudoers.ts';
import { cargoCache } from './cargo-cache.ts';
import { cloudClients } from './cloud-clients.ts';
import { cloudInitState } from './cloud-init-state.ts';
import { composerCache } from './composer-cache.ts';
import { compressibleFirmware } from './compressible-firmware.ts';
import { condaPackages } from './conda-packages.ts';
import { containerdStore } from './containerd-store.ts';
import { coreDumps } from './core-dumps.ts';
import { crashKernel } from './crash-kernel.ts';
import { credentials } from './credentials.ts';
import { debugFiles } from './debug-files.ts';
import { debugPackages } from './debug-packages.ts';
import { desktop } from './desktop.ts';
import { developmentPackages } from './development-packages.ts';
import { dhcpLeases } from './dhcp-leases.ts';
import { dkmsBuild } from './dkms-build.ts';
import { dnfCache } from './dnf-cache.ts';
import { dnfHistory } from './dnf-history.ts';
import { dockerStore } from './docker-store.ts';
import { documentation } from './documentation.ts';
import { documentationPackages } from './documentation-packages.ts';
import { dpkgOld } from './dpkg-old.ts';
import { duplicateFiles } from './duplicate-files.ts';
import { extraKernelModules } from './extra-kernel-modules.ts';
import { firmwarePackages } from './firmware-packages.ts';
import { fixedNetwork } from './fixed-network.ts';
import { flatVmdk } from './flat-vmdk.ts';
import { flatpakRuntimes } from './flatpak-runtimes.ts';
import { foreignAgents } from './foreign-agents.ts';
import { fullEditors } from './full-editors.ts';
import { gapContents } from './gap-contents.ts';
import { gemCache } from './gem-cache.ts';
import { generatedCaches } from './generated-caches.ts';
import { genericKernel } from './generic-kernel.ts';
import { gitRepositories } from './git-repositories.ts';
import { goCache } from './go-cache.ts';
import { goDistribution } from './go-distribution.ts';
import { graphicsPackages } from './graphics-packages.ts';
import { guestIsos } from './guest-isos.ts';
import { heldPackages } from './held-packages.ts';
import { homeCaches } from './home-caches.ts';
import { hostIdentities } from './host-identities.ts';
import { hostname } from './hostname.ts';
import { iconCaches } from './icon-caches.ts';
import { initramfsBackups } from './initramfs-backups.ts';
import { installerLogs } from './installer-logs.ts';
import { internalSnapshots } from './internal-snapshots.ts';
import { isoCodes } from './iso-codes.ts';
import { journal } from './journal.ts';
import { jvmBuildCaches } from './jvm-build-caches.ts';
import { kernelHeaders } from './kernel-headers.ts';
import { kernelSource } from './kernel-source.ts';
import { kickstartFiles } from './kickstart-files.ts';
import { languagePacks } from './language-packs.ts';
import { largeInitramfs } from './large-initramfs.ts';
import { leapSecondZones } from './leap-second-zones.ts';
import { localeArchive } from './locale-archive.ts';
import { localeSources } from './locale-sources.ts';
import { locales } from './locales.ts';
import { logs } from './logs.ts';
import { lostAndFound } from './lost-and-found.ts';
import { machineId } from './machine-id.ts';
import { mailAndSpool } from './mail-and-spool.ts';
import { manuals } from './manuals.ts';
import { microcode } from './microcode.ts';
import { nodeCaches } from './node-caches.ts';
import { nodeModulesLeftovers } from './node-modules-leftovers.ts';
import { oldKernels } from './old-kernels.ts';
import { oldSnaps } from './old-snaps.ts';
import { orphanInitramfs } from './orphan-initramfs.ts';
import { orphanModules } from './orphan-modules.ts';
import { oversizedDisk } from './oversized-disk.ts';
import { packageSources } from './package-sources.ts';
import { pacmanCache } from './pacman-cache.ts';
import { pacmanSync } from './pacman-sync.ts';
import { passwords } from './passwords.ts';
import { pipCache } from './pip-cache.ts';
import { podmanStore } from './podman-store.ts';
import { proxies } from './proxies.ts';
import { pythonBytecode } from './python-bytecode.ts';
import { pythonTests } from './python-tests.ts';
import { randomSeed } from './random-seed.ts';
import { recommendedOnly } from './recommended-only.ts';
import { registrations } from './registrations.ts';
import { removedPackages } from './removed-packages.ts';
import { rescueKernel } from './rescue-kernel.ts';
import { resolver } from './resolver.ts';
import { rotatedLogs } from './rotated-logs.ts';
import { rpmDatabaseLeftovers } from './rpm-database-leftovers.ts';
import { selinuxBackups } from './selinux-backups.ts';
import { shellHistories } from './shell-histories.ts';
import { snapCache } from './snap-cache.ts';
import { snapd } from './snapd.ts';
import { sourceTrees } from './source-trees.ts';
import { sparseLogs } from './sparse-logs.ts';
import { sshHostKeys } from './ssh-host-keys.ts';
import { staleBlocks } from './stale-blocks.ts';
import { staticLibraries } from './static-libraries.ts';
import { strayArchives } from './stray-archives.ts';
import { supersededVersions } from './superseded-versions.ts';
import { swapContents } from './swap-contents.ts';
import { swapFile } from './swap-file.ts';
import { temporaryFiles } from './temporary-files.ts';
import { tlsKeys } from './tls-keys.ts';
import { toolchain } from './toolchain.ts';
import { uncompressedImage } from './uncompressed-image.ts';
import { unneededPackages } from './unneeded-packages.ts';
import { unpackagedFiles } from './unpackaged-files.ts';
import { unstrippedPrograms } from './unstripped-programs.ts';
import { versionControlTools } from './version-control-tools.ts';
import { virtualboxSources } from './virtualbox-sources.ts';
import { windowsComponentLogs } from './windows-component-logs.ts';
import { windowsComponentStore } from './windows-component-store.ts';
import { windowsMemoryDumps } from './windows-memory-dumps.ts';
import { windowsOld } from './windows-old.ts';
import { windowsPagingFiles } from './windows-paging-files.ts';
import { windowsRecycleBin } from './windows-recycle-bin.ts';
import { windowsTemporaryFiles } from './windows-temporary-files.ts';
import { windowsUpdateCache } from './windows-update-cache.ts';
import { workstationTools } from './workstation-tools.ts';
import { zeroClusters } from './zero-clusters.ts';
import { zeroRuns } from './zero-runs.ts';
import { zypperCache } from './zypper-cache.ts';

export const REMOVAL_RULES: readonly RemovalRule[] = [
  ansibleLeftovers,
  apkCache,
  aptArchives,
  aptLists,
  aptPkgcache,
  backupFiles,
  btrfsSnapshots,
  cargoCache,
  cloudClients,
  composerCache,
  compressibleFirmware,
  condaPackages,
  containerdStore,
  coreDumps,
  crashKernel,
  debugFiles,
  debugPackages,
  desktop,
  developmentPackages,
  dkmsBuild,
  dnfCache,
  dnfHistory,
  dockerStore,
  documentation,
  documentationPackages,
  dpkgOld,
  duplicateFiles,
  extraKernelModules,
  firmwarePackages,
  flatVmdk,
  flatpakRuntimes,
  foreignAgents,
  fullEditors,
  gapContents,
  gemCache,
  generatedCaches,
  genericKernel,
  gitRepositories,
  goCache,
  goDistribution,
  graphicsPackages,
  guestIsos,
  homeCaches,
  iconCaches,
  initramfsBackups,
  installerLogs,
  internalSnapshots,
  isoCodes,
  journal,
  jvmBuildCaches,
  kernelHeaders,
  kernelSource,
  languagePacks,
  largeInitramfs,
  leapSecondZones,
  localeArchive,
  localeSources,
  locales,
  logs,
  lostAndFound,
  manuals,
  microcode,
  nodeCaches,
  nodeModulesLeftovers,
  oldKernels,
  oldSnaps,
  orphanInitramfs,
  orphanModules,
  oversizedDisk,
  pacmanCache,
  pacmanSync,
  pipCache,
  podmanStore,
  pythonBytecode,
  pythonTests,
  recommendedOnly,
  removedPackages,
  rescueKernel,
  rotatedLogs,
  rpmDatabaseLeftovers,
  selinuxBackups,
  snapCache,
  snapd,
  sourceTrees,
  sparseLogs,
  staleBlocks,
  staticLibraries,
  strayArchives,
  supersededVersions,
  swapContents,
  swapFile,
  temporaryFiles,
  toolchain,
  uncompressedImage,
  unneededPackages,
  unpackagedFiles,
  unstrippedPrograms,
  versionControlTools,
  virtualboxSources,
  windowsComponentLogs,
  windowsComponentStore,
  windowsMemoryDumps,
  windowsOld,
  windowsPagingFiles,
  windowsRecycleBin,
  windowsTemporaryFiles,
  windowsUpdateCache,
  workstationTools,
  zeroClusters,
  zeroRuns,
  zypperCache,
];

export const HYGIENE_RULES: readonly HygieneRule[] = [
  authorizedKeys,
  builderSudoers,
  cloudInitState,
  credentials,
  dhcpLeases,
  fixedNetwork,
  heldPackages,
  hostIdentities,
  hostname,
  kickstartFiles,
  machineId,
  mailAndSpool,
  packageSources,
  passwords,
  proxies,
  randomSeed,
  registrations,
  resolver,
  shellHistories,
  sshHostKeys,
  tlsKeys,
];
