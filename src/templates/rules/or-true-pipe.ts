import type { Found, LintRule } from '../rule.ts';
import { literal } from '../shell/script.ts';
import type { Node } from '../shell/syntax.ts';

export const orTruePipe: LintRule = {
  id: 'or-true-pipe',
  title: '|| true cuts a pipeline',
  severity: 'error',
  why: 'A pipe binds tighter than ||. In `list | grep x || true | xargs rm` the list is printed when grep matches and xargs never runs; when it does not match, xargs gets nothing. The step never does anything.',
  fix: 'Put the two in braces: list | { grep x || true; } | xargs rm.',
  example: {
    language: 'shell',
    bad: "#!/bin/sh -e\ndpkg --list | awk '{ print $2 }' | grep linux-headers || true | xargs apt-get -y purge\n",
    good: "#!/bin/sh -e\ndpkg --list | awk '{ print $2 }' | { grep linux-headers || true; } | xargs apt-get -y purge\n",
  },
  isFixable: true,
  *check(project): Iterable<Found> {
    for (const unit of project.scripts) {
      for (const { script, andOr } of unit.script.chains()) {
        for (const [index, pipeline] of andOr.pipelines.entries()) {
          const [first] = pipeline.members;
          if (index === 0 || andOr.operators[index - 1] !== '||' || pipeline.members.length < 2) continue;
          if (first === undefined || !isNothing(first)) continue;
          const before = andOr.pipelines[index - 1]!.members.at(-1)!;
          const place = script.place(before.start, pipeline.end);
          if (place === undefined) continue;
          const opening = script.mapped.exactPlaceOf(before.start, before.start + 1);
          const closing = script.mapped.exactPlaceOf(first.start, first.end);
          const text = script.text.slice(first.start, first.end);
          yield {
            place,
            message: `the pipe after '|| ${text}' takes the output of ${text}, not of the command before it: it never gets anything`,
            ...(opening === undefined || closing === undefined
              ? {}
              : {
                  edits: [
                    { place: opening, text: `{ ${script.text[before.start]}` },
                    { place: closing, text: `${text}; }` },
                  ],
                }),
          };
        }
      }
    }
  },
};

/** `true` or `:`, which print nothing. */
function isNothing(node: Node): boolean {
  if (node.kind !== 'command' || node.words.length !== 1 || node.redirects.length > 0) return false;
  const name = literal(node.words[0]!);
  return name === 'true' || name === ':';
}
