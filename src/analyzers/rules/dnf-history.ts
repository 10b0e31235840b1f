/** The Amazon EKS images delete it; whoever maintains machines in place wants it. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const dnfHistory: RemovalRule = pathRule({
  id: 'dnf-history',
  title: 'History of dnf and yum',
  safety: 'review',
  family: 'package caches',
  description:
    'Transactions of the build. With dnf 4 the reasons of installation stand there too, so `dnf autoremove` knows less without it.',
  why: 'only `dnf history undo` and, with dnf 4, `dnf autoremove` read it',
  places: [
    {
      patterns: ['/var/lib/dnf/history.sqlite*', '/var/lib/yum/history/*', '/var/lib/yum/yumdb/*'],
      command: 'rm -rf /var/lib/dnf/history.sqlite* /var/lib/yum/history/* /var/lib/yum/yumdb/*',
    },
  ],
});
