import { imageScripts } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const noErrexit: LintRule = {
  id: 'no-errexit',
  title: 'Errors do not stop the script',
  severity: 'warning',
  why: 'Without set -e a failed command goes unnoticed, Packer sees the exit code of the last one, and a half-provisioned image is published.',
  fix: 'Begin the script with set -e (set -euo pipefail in bash), or call it with sh -e in execute_command.',
  example: {
    language: 'shell',
    bad: '#!/bin/sh\napt-get update\napt-get install -y --no-install-recommends jq\necho done\n',
    good: '#!/bin/sh\nset -e\napt-get update\napt-get install -y --no-install-recommends jq\necho done\n',
  },
  *check(project): Iterable<Found> {
    for (const { script, origin, goesOnAfterErrors } of imageScripts(project)) {
      if (script.hasErrexit) continue;
      const isCalled = origin === 'file' ? goesOnAfterErrors : origin === 'inline';
      if (!isCalled) continue;
      const commands = script.invocations.filter((one) => one.name !== '' && one.script === script);
      if (commands.length < 2 || handlesErrors(commands.map((one) => one.name))) continue;
      const end = script.text.indexOf('\n');
      const place = script.place(0, end < 0 ? script.text.length : end);
      if (place !== undefined)
        yield { place, message: 'a command that fails does not stop this script: it has no set -e' };
    }
  },
};

/** A script that traps its errors has its own way. */
function handlesErrors(names: readonly string[]): boolean {
  return names.includes('trap');
}
