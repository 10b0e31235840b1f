/** Nobody debugs them on a machine that was started from the image. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const coreDumps: RemovalRule = pathRule({
  id: 'core-dumps',
  title: 'Core dumps and crash reports',
  safety: 'safe',
  family: 'crash data',
  description: 'systemd’s, apport’s, abrt’s and kdump’s: memory of programs of the build, secrets included.',
  why: 'memory of programs that crashed during the build, with whatever secrets they held',
  places: [
    {
      patterns: [
        '/var/lib/systemd/coredump/*',
        '/var/crash/*',
        '/var/spool/abrt/*',
        '/var/lib/apport/coredump/*',
        '/var/spool/kdump/*',
      ],
      command:
        'rm -rf /var/lib/systemd/coredump/* /var/crash/* /var/spool/abrt/* /var/lib/apport/coredump/* /var/spool/kdump/*',
    },
  ],
});
