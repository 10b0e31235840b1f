import { operationsOf } from '../operations.ts';
import type { Project } from '../plan.ts';
import { commandPlace, imageCommands } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const aptRecommends: LintRule = {
  id: 'apt-recommends',
  title: 'Recommended packages come along',
  severity: 'info',
  why: 'apt installs what packages recommend, often several times the size of what was asked for.',
  fix: 'Add --no-install-recommends and name what is really needed, or set APT::Install-Recommends "false" once.',
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\napt-get install -y build-essential\n',
    good: '#!/bin/sh -e\napt-get install -y --no-install-recommends build-essential\n',
  },
  isFixable: true,
  *check(project): Iterable<Found> {
    if (isConfigured(project)) return;
    for (const one of imageCommands(project)) {
      for (const operation of operationsOf(one)) {
        if (operation.kind !== 'install' || operation.manager !== 'dpkg' || operation.recommends !== true)
          continue;
        const verb = one.args.find((arg) => arg.text === 'install');
        const place = commandPlace(one);
        if (place === undefined || verb === undefined) continue;
        // Of a package's file it is the dependencies that are wanted.
        if (operation.packages.length === 0 && !operation.isDynamic) continue;
        const after = one.script.mapped.exactPlaceOf(verb.start, verb.end);
        yield {
          place,
          message: 'installs what the packages recommend as well',
          ...(after === undefined
            ? {}
            : { edits: [{ place: after, text: 'install --no-install-recommends' }] }),
        };
      }
    }
  },
};

/** Some script writes the setting into apt's configuration. */
function isConfigured(project: Project): boolean {
  return project.scripts.some(({ script }) =>
    /Install-Recommends[\s"'=\\]*(?:false|0|no)\b/i.test(script.text),
  );
}
