import type { Project } from '../plan.ts';
import { commandPlace } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import type { Invocation } from '../shell/script.ts';

const ON = /(?:PasswordAuthentication|PermitEmptyPasswords)\s+yes\b/i;
const ROOT = /PermitRootLogin\s+yes\b/i;
const OFF = /PasswordAuthentication\s+no\b|PermitRootLogin\s+(?:no|prohibit-password|without-password)\b/i;

export const passwordAuthentication: LintRule = {
  id: 'password-authentication',
  title: 'Passwords let in over SSH',
  severity: 'warning',
  why: 'Password logins are for the build. Left on, every machine made from the image takes guesses from the network.',
  fix: 'Turn PasswordAuthentication (ssh_pwauth, allow-pw) off in the last step, and let keys in only.',
  example: {
    language: 'shell',
    bad: "#!/bin/sh -e\nsed -i 's/^#*PasswordAuthentication.*/PasswordAuthentication yes/' /etc/ssh/sshd_config\n",
    good: "#!/bin/sh -e\nsed -i 's/^#*PasswordAuthentication.*/PasswordAuthentication no/' /etc/ssh/sshd_config\n",
  },
  *check(project): Iterable<Found> {
    if (isTurnedOff(project)) return;
    for (const { script, isLocal } of project.scripts) {
      if (isLocal) continue;
      for (const one of script.invocations) {
        if (!isWriting(one)) continue;
        const text = textOf(one);
        const what = ON.test(text)
          ? 'lets passwords in over SSH'
          : ROOT.test(text)
            ? 'lets root in over SSH with a password'
            : undefined;
        const place = commandPlace(one);
        if (what !== undefined && place !== undefined)
          yield { place, message: `${what}, and nothing turns it off again` };
      }
    }
    for (const seed of project.seeds) {
      for (const place of seed.passwordLogin)
        yield { place, message: 'lets passwords in over SSH, and nothing turns it off again' };
    }
  },
};

function isTurnedOff(project: Project): boolean {
  return project.scripts.some(
    ({ script, isLocal }) =>
      !isLocal && script.invocations.some((one) => isWriting(one) && OFF.test(replacement(textOf(one)))),
  );
}

/** Commands that change or write a file. */
function isWriting(one: Invocation): boolean {
  return (
    /^(?:sed|tee|perl|awk|ex|crudini)$/.test(one.name) ||
    one.redirects.some(({ operator }) => operator === '>' || operator === '>>') ||
    (one.pipeline.members.length > 1 && /^(?:echo|printf|cat)$/.test(one.name))
  );
}

/** Arguments and here-documents; of sed only what it puts in. */
function textOf(one: Invocation): string {
  const args = one.args.map((arg) => (one.name === 'sed' ? replacement(arg.text) : arg.text));
  const bodies = one.command.redirects.flatMap(({ body }) =>
    body === null ? [] : [one.script.text.slice(body.start, body.end)],
  );
  return [...args, ...bodies].join(' ').replace(/^\s*#.*$/gm, '');
}

/** What `s/old/new/` puts in: the last part; other texts as they are. */
function replacement(text: string): string {
  return text.replace(/(^|[\s;])s([/|#,@])(?:(?!\2)[^\\]|\\.)*\2((?:(?!\2)[^\\]|\\.)*)\2/g, '$1$3');
}
