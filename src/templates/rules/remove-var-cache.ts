import { operationsOf } from '../operations.ts';
import { imageCommands } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const removeVarCache: LintRule = {
  id: 'remove-var-cache',
  title: 'All of /var/cache is removed',
  severity: 'warning',
  why: '/var/cache/debconf holds the answers of all packages, not a cache that anything makes again; and apt, man and fontconfig expect their directories there.',
  fix: "Clean each cache by its owner's command: apt-get clean, dnf clean all, rm -rf /var/cache/man/*.",
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\nrm -rf /var/cache/*\n',
    good: '#!/bin/sh -e\napt-get clean\nrm -rf /var/cache/man/*\n',
  },
  *check(project): Iterable<Found> {
    for (const one of imageCommands(project)) {
      for (const operation of operationsOf(one)) {
        if (operation.kind !== 'erase') continue;
        const path = operation.paths.find((each) => /^\/var\/cache\/?(?:\*\*?|\{\*[^}]*\})?$/.test(each));
        if (path !== undefined) {
          yield {
            place: operation.place,
            message: 'removes what is no cache as well: the answers in /var/cache/debconf',
          };
        }
      }
    }
  },
};
