/** What `cloud-init clean` removes. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const cloudInitState: HygieneRule = pathHygiene({
  id: 'cloud-init-state',
  title: 'State of cloud-init',
  severity: 'error',
  description: '/var/lib/cloud/{instance,instances,data,sem}: cloud-init believes that first boot is over.',
  patterns: [
    '/var/lib/cloud/instance',
    '/var/lib/cloud/instances/*',
    '/var/lib/cloud/data/*',
    '/var/lib/cloud/sem/*',
  ],
  command: 'rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem',
  why: 'cloud-init takes the next machine for this one; cloud-init clean --logs --machine-id',
  anything: true,
});
