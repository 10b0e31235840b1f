/** docs/lint.md from the lint rules themselves. */
import type { LintExample, LintRule } from '../src/templates/rule.ts';
import { LINT_RULES, RULE_GROUPS } from '../src/templates/rules/index.ts';

const INTRODUCTION = `# What lint checks

<!-- Written by scripts/lint-doc.ts from src/templates/rules; change the rules and run \`npm run rules\`. -->

\`imgopt lint PATH…\` reads Packer templates (HCL2, HCL2 as JSON, legacy JSON) and what they call: shell scripts
(files, \`inline\`, here-documents, \`sh -c\`), Ansible playbooks with their roles, and the cloud-init, autoinstall,
kickstart and preseed files that a source serves to its installer. Nothing is run and nothing leaves the machine.

    imgopt lint packer/                                       # every template below the folder
    imgopt lint debian.pkr.hcl --diff                         # what --fix would change
    imgopt lint packer/ --format sarif --output lint.sarif    # for code scanning
    imgopt lint debian.pkr.hcl --artifact debian.qcow2        # with the image that came of it

**What is known.** Variables count as their defaults, or as \`*.auto.pkrvars.hcl\` and \`--var-file\` give them; locals,
conditionals, \`for\`, dynamic blocks, here-documents, \`templatefile\` and the usual functions are evaluated. What only a
build knows (variables without a default, data sources, the environment) stays unknown, and a rule does not guess about
it: both branches of an undecided conditional are looked at, and a path with an unknown part stands for every file that
fits. A rule says that something is *missing* from a build only where all of its steps are known. Scripts in other
languages (PowerShell, Python) are named and not looked into.

**The folder is the configuration**, as for \`packer build FOLDER\`: naming one template reads those beside it too, and
tells about the one. Relative paths are looked for from the working folder, the template's folder and those above it.

**Turning rules off.** \`# imgopt ignore=RULE\` (or \`//\`) speaks of its line, or of the next when it stands alone;
\`# imgopt ignore-file=RULE\` of the whole file; both take several rules, by commas. In imgopt.yml:

    lint:
      fail-on: error            # info, warning (the default) or error
      rules:
        apt-recommends: off
        plugins-unpinned: warning

\`--rule\` and \`--not-rule\` choose for one run.

**Fixing.** \`--diff\` prints what \`--fix\` would change as a unified diff; \`--fix\` changes the files, each at once or not
at all, and tells what is left. It does only what is sure; the rules that have such a fix say so below.

**Outputs.** \`--format table|json|sarif|github|checkstyle\`, repeatable with \`--output\`; \`--json\` prints a document of
schema [\`imgopt.lint/1\`](../schemas/lint-1.schema.json). Exit codes: 0 nothing of at least \`--fail-on\`; 1 findings; 2
wrong usage; 3 some file could not be read (a broken template, a binary file): the others were checked all the same.

**With the artifact.** \`--artifact IMAGE\` opens the image as \`imgopt analyze\` does and tells what each installing line
costs there: *own* are the bytes of the packages that it names, *exclusive* what would go if the line did, with what only
these need; packages that something else needs too are in no line's exclusive bytes. Then it holds the template's own
clean-up against the image: paths that were to be removed, caches to be emptied, packages to be purged, also those that a
\`dpkg -l | grep … | xargs apt-get purge\` means.
`;

const FENCES: Record<LintExample['language'], string> = {
  source: 'hcl',
  build: 'hcl',
  hcl: 'hcl',
  shell: 'sh',
  'cloud-init': 'yaml',
  kickstart: 'text',
};

function ruleLines(rule: LintRule): string[] {
  const { id, title, severity, why, fix, example, isFixable } = rule;
  const fence = `\`\`\`${FENCES[example.language]}`;
  return [
    '',
    `### ${id}`,
    '',
    `**${title.replaceAll('|', '\\|')}** · ${severity}${isFixable === true ? ' · `--fix`' : ''}`,
    '',
    `${plain(why)}`,
    '',
    `*Instead:* ${plain(fix)}`,
    '',
    fence,
    example.bad.trimEnd(),
    '```',
    '',
    fence,
    example.good.trimEnd(),
    '```',
  ];
}

/** Outside of code, `*` and `<` are Markdown's own. */
function plain(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith('`')
        ? part
        : part.replaceAll('*', '\\*').replaceAll('<', '&lt;').replaceAll('_', '\\_'),
    )
    .join('');
}

export function lintDocument(): string {
  const lines = [INTRODUCTION, `${LINT_RULES.length} rules.`];
  for (const { title, rules } of RULE_GROUPS) {
    lines.push('', `## ${title}`, '', '| rule | severity | what it finds |', '|---|---|---|');
    for (const rule of rules) {
      lines.push(
        `| [\`${rule.id}\`](#${rule.id}) | ${rule.severity} | ${rule.title.replaceAll('|', '\\|')} |`,
      );
    }
    for (const rule of rules) lines.push(...ruleLines(rule));
  }
  return `${lines.join('\n')}\n`;
}
