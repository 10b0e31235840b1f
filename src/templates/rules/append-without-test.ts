import { imageScripts } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import type { Invocation, ShellScript } from '../shell/script.ts';

/** Files that people configure; logs and temporary files may grow. */
const CONFIGURATION =
  /^(?:\/etc\/|\/root\/\.|\/home\/[^/]+\/\.|~\/\.|\/boot\/|\/var\/lib\/cloud\/seed|\/usr\/(?:local\/)?(?:etc|lib|share)\/)/;

export const appendWithoutTest: LintRule = {
  id: 'append-without-test',
  title: 'A line is appended without a look',
  severity: 'info',
  why: 'A script that appends to a configuration does so again when it runs again (a retry, a rebuild from its own image, a second provisioner), and many programs take the first or the last of two lines.',
  fix: 'Test first (grep -qxF LINE FILE || echo LINE >> FILE), write a file of its own in a .d directory, or use lineinfile.',
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\necho "vm.swappiness=10" >> /etc/sysctl.conf\n',
    good: '#!/bin/sh -e\ngrep -qxF "vm.swappiness=10" /etc/sysctl.conf || echo "vm.swappiness=10" >> /etc/sysctl.conf\n',
  },
  *check(project): Iterable<Found> {
    for (const { script, origin } of imageScripts(project)) {
      // An installer runs once, into a new filesystem.
      if (origin === 'seed') continue;
      const made = createdFiles(script);
      for (const one of script.invocations) {
        const path = appendsTo(one);
        if (path === undefined || !CONFIGURATION.test(path) || made.has(path) || isGuarded(one)) continue;
        const place = one.script.place(one.command.start, one.command.end);
        if (place !== undefined) yield { place, message: `appends to ${path} again every time it runs` };
      }
    }
  },
};

/** The static path that a command appends to. */
function appendsTo(one: Invocation): string | undefined {
  const redirect = one.command.redirects.find(({ operator }) => operator === '>>');
  if (redirect?.target) return one.script.joined(redirect.target);
  if (one.name !== 'tee' || !one.args.some((arg) => /^(?:-a|--append)$/.test(arg.text))) return undefined;
  return one.args.find((arg) => !arg.text.startsWith('-'))?.text;
}

/** Files that the script itself makes anew: what is appended to these is not appended twice. */
function createdFiles(script: ShellScript): Set<string> {
  const made = new Set<string>();
  for (const one of script.invocations) {
    for (const { operator, target } of one.redirects) {
      if (target !== null && (operator === '>' || operator === '>|')) made.add(one.script.joined(target));
    }
    const paths = one.args.filter((arg) => !arg.text.startsWith('-')).map((arg) => arg.text);
    if (one.name === 'tee' && !one.args.some((arg) => /^(?:-a|--append)$/.test(arg.text)))
      for (const path of paths) made.add(path);
    else if (/^(?:rm|mv|cp|truncate|install|sed)$/.test(one.name)) for (const path of paths) made.add(path);
  }
  return made;
}

/** Some condition decides, which may be the test. */
function isGuarded(one: Invocation): boolean {
  return (
    one.link > 0 ||
    one.inside.some((each) => each.type === 'if' || each.type === 'while' || each.type === 'case')
  );
}
