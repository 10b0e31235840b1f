/** cron’s tables may be meant to be there. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const mailAndSpool: HygieneRule = pathHygiene({
  id: 'mail-and-spool',
  title: 'Mail and jobs of the build',
  severity: 'warning',
  description: '/var/mail, /var/spool/{mail,cron,at,postfix}: what the build machine received and planned.',
  patterns: [
    '/var/mail/*',
    '/var/spool/mail/*',
    '/var/spool/cron/crontabs/*',
    '/var/spool/cron/root',
    '/var/spool/postfix/deferred/*',
    '/var/spool/cron/atjobs/a*',
  ],
  command: 'find /var/mail /var/spool/mail -mindepth 1 -type f -exec truncate -s 0 {} + 2>/dev/null || true',
  why: 'mail and jobs of the build machine; look whether the jobs are wanted',
});
