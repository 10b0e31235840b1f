/**
 * Everything that blkid commonly finds and imgopt does not read: recognised by blkid's names, with label and
 * UUID where they lie within the bytes that a probe sees, so that a report says what the unread bytes are.
 *
 * A recogniser is a magic number and a few offsets; none has `open`. When a driver that reads one of these
 * arrives, its recogniser goes. Magic numbers of two bytes are believed only with a checksum or sums that fit.
 *
 * Out of reach: VMFS (its magic is at 1 and 2 MiB), UDF's label, and exFAT's when its root directory lies
 * far inside.
 */
import type { FilesystemDriver } from '../../../core/contracts/filesystem.ts';
import { containerRecognisers } from './containers.ts';
import { foreignRecognisers } from './foreign.ts';
import { linuxRecognisers } from './linux.ts';

/** Containers first: a RAID member or an encrypted volume may hold what looks like a filesystem. */
export const recognisedDrivers: readonly FilesystemDriver[] = [
  ...containerRecognisers,
  ...linuxRecognisers,
  ...foreignRecognisers,
];
