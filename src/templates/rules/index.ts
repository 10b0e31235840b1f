/** Every lint rule. The order is that of docs/lint.md. */
import type { LintRule } from '../rule.ts';
import { appendWithoutTest } from './append-without-test.ts';
import { aptRecommends } from './apt-recommends.ts';
import { artifactPath } from './artifact-path.ts';
import { baseUnpinned } from './base-unpinned.ts';
import { cleanNotLast } from './clean-not-last.ts';
import { defaultCredentials } from './default-credentials.ts';
import { doubleCompression } from './double-compression.ts';
import { insecureDownload } from './insecure-download.ts';
import { isoChecksum } from './iso-checksum.ts';
import { manifestOrder } from './manifest-order.ts';
import { noBaseUpdate } from './no-base-update.ts';
import { noCompaction } from './no-compaction.ts';
import { noErrexit } from './no-errexit.ts';
import { noHygiene } from './no-hygiene.ts';
import { noPipefail } from './no-pipefail.ts';
import { noTrim } from './no-trim.ts';
import { noValidation } from './no-validation.ts';
import { orTruePipe } from './or-true-pipe.ts';
import { oversizedVolume } from './oversized-volume.ts';
import { passwordAuthentication } from './password-authentication.ts';
import { pipeToShell } from './pipe-to-shell.ts';
import { pluginsUndeclared } from './plugins-undeclared.ts';
import { pluginsUnpinned } from './plugins-unpinned.ts';
import { qemuDetectZeroes } from './qemu-detect-zeroes.ts';
import { qemuDiscard } from './qemu-discard.ts';
import { quotedList } from './quoted-list.ts';
import { rawCompression } from './raw-compression.ts';
import { removeVarCache } from './remove-var-cache.ts';
import { runningKernelPurge } from './running-kernel-purge.ts';
import { secretInTemplate } from './secret-in-template.ts';
import { singleCoreCompression } from './single-core-compression.ts';
import { slowCompression } from './slow-compression.ts';
import { weakChecksum } from './weak-checksum.ts';
import { worldWritable } from './world-writable.ts';
import { zeroFillTarget } from './zero-fill-target.ts';
import { zeroFillWithDiscard } from './zero-fill-with-discard.ts';

export interface RuleGroup {
  readonly title: string;
  readonly rules: readonly LintRule[];
}

export const RULE_GROUPS: readonly RuleGroup[] = [
  {
    title: 'The disk',
    rules: [
      qemuDiscard,
      qemuDetectZeroes,
      noTrim,
      zeroFillWithDiscard,
      zeroFillTarget,
      rawCompression,
      slowCompression,
      doubleCompression,
      singleCoreCompression,
      noCompaction,
      oversizedVolume,
    ],
  },
  { title: 'The artifact', rules: [manifestOrder, artifactPath, weakChecksum] },
  {
    title: 'Provisioning',
    rules: [
      aptRecommends,
      cleanNotLast,
      removeVarCache,
      orTruePipe,
      quotedList,
      runningKernelPurge,
      noErrexit,
      noPipefail,
      appendWithoutTest,
    ],
  },
  { title: 'The image', rules: [noHygiene, noBaseUpdate, baseUnpinned, noValidation] },
  {
    title: 'Security',
    rules: [
      isoChecksum,
      insecureDownload,
      pipeToShell,
      pluginsUndeclared,
      pluginsUnpinned,
      secretInTemplate,
      passwordAuthentication,
      defaultCredentials,
      worldWritable,
    ],
  },
];

export const LINT_RULES: readonly LintRule[] = RULE_GROUPS.flatMap((group) => group.rules);
