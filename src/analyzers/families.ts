/** Orders that suggestions and scripts follow. */
import type { Safety } from '../core/contracts/report.ts';
import type { Platform, RuleFamily } from '../core/contracts/rule.ts';

/** As a script works: packages write logs and caches, so those are emptied after them; what is no file comes last. */
export const FAMILIES: readonly RuleFamily[] = [
  'packages',
  'kernels',
  'development',
  'platform',
  'containers',
  'documentation',
  'language leftovers',
  'backups',
  'package caches',
  'caches',
  'crash data',
  'logs',
  'temporary files',
  'swap',
  'content',
  'hygiene',
  'disk',
];

/** From what nobody misses to what needs a decision. */
export const SAFETIES: readonly Safety[] = ['safe', 'review', 'risky'];

export const PLATFORMS: readonly Platform[] = [
  'aws',
  'azure',
  'gcp',
  'openstack',
  'digitalocean',
  'hetzner',
  'oracle',
  'vmware',
  'virtualbox',
  'hyperv',
  'xen',
  'qemu',
  'parallels',
];
