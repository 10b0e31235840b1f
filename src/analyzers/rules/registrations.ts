/** What virt-sysprep removes with rhn-systemid and its sisters. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const registrations: HygieneRule = pathHygiene({
  id: 'registrations',
  title: 'Subscriptions of the build machine',
  severity: 'error',
  description:
    'Red Hat’s consumer and entitlement certificates, SUSE’s credentials, Ubuntu Pro’s token: machines would share one subscription.',
  patterns: [
    '/etc/pki/consumer/*.pem',
    '/etc/pki/entitlement/*.pem',
    '/etc/zypp/credentials.d/*',
    '/etc/SUSEConnect',
    '/var/lib/ubuntu-advantage/private/machine-token.json',
    '/etc/sysconfig/rhn/systemid',
    '/var/lib/rhsm/facts/*',
    '/etc/landscape/client.conf',
    '/var/lib/landscape/client/*.bpickle',
  ],
  command:
    'rm -rf /etc/pki/consumer/*.pem /etc/pki/entitlement/*.pem /etc/zypp/credentials.d/* /etc/SUSEConnect /var/lib/ubuntu-advantage/private /etc/sysconfig/rhn/systemid /var/lib/rhsm/facts/*',
  why: 'machines would share one subscription; subscription-manager unregister && clean, SUSEConnect --cleanup, pro detach',
});
