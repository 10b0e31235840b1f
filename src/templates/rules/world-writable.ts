import { argument } from '../ansible.ts';
import { commandPlace, imageCommands } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import type { Invocation } from '../shell/script.ts';
import { staticText } from '../value.ts';

export const worldWritable: LintRule = {
  id: 'world-writable',
  title: 'Everybody may write',
  severity: 'warning',
  why: 'A file or directory that everybody may write is a way to become whoever reads or runs it, on every machine made from the image.',
  fix: 'Give it an owner and mode 0755 or 0644, or a group; a shared directory needs the sticky bit (1777).',
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\nchmod -R 777 /opt/app\n',
    good: '#!/bin/sh -e\nchown -R app:app /opt/app\nchmod -R u=rwX,go=rX /opt/app\n',
  },
  *check(project): Iterable<Found> {
    for (const one of imageCommands(project)) {
      const mode = modeOf(one);
      const place = commandPlace(one);
      if (mode === undefined || place === undefined || !isOpen(mode)) continue;
      const paths = one.args.filter((arg) => arg.text.startsWith('/')).map((arg) => arg.text);
      // What is removed or in memory after the build opens nothing.
      if (paths.length > 0 && paths.every((path) => /^\/(?:tmp|var\/tmp|run|dev)(?:\/|$)/.test(path)))
        continue;
      yield { place, message: `${mode} lets everybody write` };
    }
    for (const playbook of project.playbooks) {
      for (const task of playbook.tasks) {
        const value = argument(task, 'mode');
        const mode = staticText(value);
        if (value === undefined || mode === undefined || !isOpen(mode)) continue;
        const path = staticText(argument(task, 'path') ?? argument(task, 'dest')) ?? '';
        if (!/^\/(?:tmp|var\/tmp|run)\//.test(path))
          yield { place: value.place, message: `${mode} lets everybody write` };
      }
    }
    for (const seed of project.seeds) {
      for (const { mode, place } of seed.modes) {
        if (isOpen(mode)) yield { place, message: `${mode} lets everybody write` };
      }
    }
  },
};

/** The mode that a command gives. */
function modeOf(one: Invocation): string | undefined {
  if (one.name === 'chmod') return one.args.find((arg) => !/^-(?:[Rvfc]+$|-)/.test(arg.text))?.text;
  if (one.name !== 'install' && one.name !== 'mkdir') return undefined;
  const at = one.args.findIndex((arg) => /^(?:-m|--mode)$/.test(arg.text));
  return at < 0
    ? one.args.find((arg) => arg.text.startsWith('--mode='))?.text.slice(7)
    : one.args[at + 1]?.text;
}

/** Others may write, and no sticky bit protects what is there (chmod(1)). */
function isOpen(mode: string): boolean {
  if (/^0?[0-7]{3,4}$/.test(mode)) {
    const bits = Number.parseInt(mode, 8);
    return (bits & 0o002) !== 0 && (bits & 0o1000) === 0;
  }
  const clauses = mode.split(',');
  return (
    clauses.some((one) => /^[ugoa]*[oa][ugoa]*[+=][rxXst]*w/.test(one)) &&
    !clauses.some((one) => /\+[rwxX]*t/.test(one))
  );
}
