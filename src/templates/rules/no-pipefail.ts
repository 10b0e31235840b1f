import { imageScripts } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

const SOURCES = new Set(['curl', 'wget']);
const HAVE_PIPEFAIL = /(?:^|\/)(?:bash|ksh|zsh)\b|env\s+(?:-\S+\s+)*(?:bash|ksh|zsh)\b/;

export const noPipefail: LintRule = {
  id: 'no-pipefail',
  title: 'A failed download goes unnoticed',
  severity: 'info',
  why: 'The exit code of a pipeline is that of its last command: when curl fails in curl … | tar x, set -e does not notice unless pipefail is on.',
  fix: 'Write set -o pipefail beside set -e (bash), or download to a file first.',
  example: {
    language: 'shell',
    bad: '#!/bin/bash\nset -e\ncurl -fsSL https://example.org/tool.tar.gz | tar -xz -C /opt\n',
    good: '#!/bin/bash\nset -eo pipefail\ncurl -fsSL https://example.org/tool.tar.gz | tar -xz -C /opt\n',
  },
  *check(project): Iterable<Found> {
    for (const { script } of imageScripts(project)) {
      if (script.hasPipefail || !script.hasErrexit || !HAVE_PIPEFAIL.test(script.shebang ?? '')) continue;
      for (const one of script.invocations) {
        const isDownload = SOURCES.has(one.name) && one.position < one.pipeline.members.length - 1;
        const isGuarded =
          one.andOr.pipelines.length > 1 ||
          one.inside.some((each) => each.type === 'if' || each.type === 'while');
        if (!isDownload || isGuarded) continue;
        const place = one.script.place(one.pipeline.start, one.pipeline.end);
        if (place !== undefined)
          yield { place, message: `the script goes on when ${one.name} fails here: it has no pipefail` };
      }
    }
  },
};
