import { fetched, isFetcher } from '../downloads.ts';
import { allCommands } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { literal, SHELLS } from '../shell/script.ts';
import type { List, Node, Word } from '../shell/syntax.ts';
import { HOLE } from '../text.ts';

const INTERPRETERS = /^(?:python[0-9.]*|perl|ruby|node)$/;

export const pipeToShell: LintRule = {
  id: 'pipe-to-shell',
  title: 'A download is run unseen',
  severity: 'warning',
  why: 'curl … | sh runs whatever the server sends today, half of it when the connection breaks, and as root in the image. Two builds of one template are not the same.',
  fix: 'Download a fixed version to a file, check it against a checksum, then run it; or install a package.',
  example: {
    language: 'shell',
    bad: '#!/bin/sh -e\ncurl -fsSL https://get.example.org/ | sudo sh\n',
    good: '#!/bin/sh -e\ncurl -fsSLo /tmp/install.sh https://get.example.org/v1.2.3/install.sh\necho "0000000000000000000000000000000000000000000000000000000000000000  /tmp/install.sh" | sha256sum -c -\nsh /tmp/install.sh\n',
  },
  *check(project): Iterable<Found> {
    for (const one of allCommands(project)) {
      const isShell = SHELLS.has(one.name) || INTERPRETERS.test(one.name);
      const place = one.script.place(one.pipeline.start, one.pipeline.end);
      if (place === undefined) continue;
      if (
        isShell &&
        one.position > 0 &&
        readsInput(
          one.args.map((arg) => arg.text),
          SHELLS.has(one.name),
        )
      ) {
        const before = one.script.invocations.filter(
          (each) =>
            each.pipeline === one.pipeline &&
            each.position < one.position &&
            fetched(each).length + Number(isFetcher(each.name)) > 0,
        );
        if (before.length > 0)
          yield { place, message: `${one.name} runs what ${before[0]!.name} fetches, whatever that is` };
        continue;
      }
      const runsText = one.name === 'eval' || one.name === 'source' || one.name === '.' || isShell;
      if (!runsText) continue;
      for (const word of one.command.words.slice(1)) {
        const flag = isShell && literal(one.command.words[one.command.words.indexOf(word) - 1] ?? word);
        const isRun = !isShell || flag === '-c' || one.script.text.startsWith('<(', word.start);
        if (isRun && fetches(word)) {
          yield { place, message: `${one.name} runs what a download gives, whatever that is` };
          break;
        }
      }
    }
  },
};

/** `sh`, `sh -s -- x`, `python -`: the script comes from standard input. */
function readsInput(args: readonly string[], isShell: boolean): boolean {
  const [first] = args.filter((arg) => isShell || arg !== '-u');
  if (first === undefined || first === '-' || first === '/dev/stdin') return true;
  return (
    isShell &&
    first.startsWith('-') &&
    !first.includes('c') &&
    (args.includes('-s') || args.every((arg) => arg.startsWith('-') || arg.includes(HOLE) || first === '-s'))
  );
}

/** The first command of a substitution is a download. */
function fetches(word: Word): boolean {
  return word.parts.some((part) => part.kind === 'substitution' && hasFetcher(part.body));
}

function hasFetcher(list: List): boolean {
  const first: Node | undefined = list[0]?.pipelines[0]?.members[0];
  if (first?.kind !== 'command') return false;
  return first.words.slice(0, 2).some((word) => isFetcher(literal(word) ?? ''));
}
