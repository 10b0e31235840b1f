/**
 * The readers, in the order in which they are asked: what has a heading or a form of its own before what is known
 * by its columns.
 */
import { apkInfo } from './apk-info.ts';
import { apkList } from './apk-list.ts';
import { aptList } from './apt-list.ts';
import { cyclonedx } from './cyclonedx.ts';
import { debianCloud } from './debian-cloud.ts';
import { dnfList } from './dnf-list.ts';
import { dpkgL } from './dpkg-l.ts';
import { dpkgQuery } from './dpkg-query.ts';
import { dpkgStatus } from './dpkg-status.ts';
import type { DocumentReader, ListReader } from './manifest.ts';
import { mkosi } from './mkosi.ts';
import { npmJson, npmTree } from './npm.ts';
import { pacmanQ } from './pacman-q.ts';
import { pacmanQi } from './pacman-qi.ts';
import { pipJson, pipList } from './pip.ts';
import { rpmQa } from './rpm-qa.ts';
import { spdx2 } from './spdx2.ts';
import { spdx3 } from './spdx3.ts';
import { syft } from './syft.ts';
import { ubuntuManifest } from './ubuntu-manifest.ts';

export const LIST_READERS: readonly ListReader[] = [
  dpkgStatus,
  dpkgL,
  aptList,
  ubuntuManifest,
  dnfList,
  pacmanQi,
  pipList,
  npmTree,
  apkInfo,
  apkList,
  rpmQa,
  dpkgQuery,
  pacmanQ,
];

export const DOCUMENT_READERS: readonly DocumentReader[] = [
  spdx2,
  spdx3,
  cyclonedx,
  syft,
  debianCloud,
  mkosi,
  pipJson,
  npmJson,
];
