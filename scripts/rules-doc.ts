/**
 * Writes docs/rules.md and docs/lint.md from the rules themselves; with `--check`, only tells whether they are up to
 * date.
 * Run by `npm run rules`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FAMILIES } from '../src/analyzers/families.ts';
import { HYGIENE_RULES, REMOVAL_RULES } from '../src/analyzers/rules/index.ts';
import { lintDocument } from './lint-doc.ts';

const DOCS = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs');

const cell = (text: string): string =>
  text.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('<', '&lt;');

function rulesDocument(): string {
  const lines = [
    '# Rules',
    '',
    '<!-- Written by scripts/rules-doc.ts from src/analyzers/rules; change the rules and run `npm run rules`. -->',
    '',
    'What `imgopt analyze` suggests to remove, and with `--profile publish` what must not be published. `safe` is made',
    'again or was only needed by the build; `review` takes a function away that most images do not need; `risky` needs',
    'a decision. Packages that the boot needs, that are essential, or that something else requires are never suggested;',
    'no byte is counted twice. `--rule` and `--not-rule` choose rules, `--emit` writes what removes them.',
    '',
    `${REMOVAL_RULES.length} rules for removal, ${HYGIENE_RULES.length} for hygiene.`,
  ];
  for (const family of FAMILIES) {
    const rules = REMOVAL_RULES.filter((rule) => rule.family === family);
    if (rules.length === 0) continue;
    lines.push('', `## ${family[0]!.toUpperCase()}${family.slice(1)}`, '');
    lines.push('| rule | safety | what it finds |', '|---|---|---|');
    for (const { id, safety, description, parameters = [], deep } of rules) {
      const notes = parameters.map(
        ({ name, description: about, default: value }) =>
          ` Parameter \`${name}\`: ${about} (default ${String(value)}).`,
      );
      if (deep === true) notes.push(' Only with `--deep`.');
      lines.push(`| \`${id}\` | ${safety} | ${cell(description)}${notes.map(cell).join('')} |`);
    }
  }
  if (HYGIENE_RULES.length > 0) {
    lines.push('', '## Hygiene', '', '| rule | severity | what it finds |', '|---|---|---|');
    for (const { id, severity, description } of HYGIENE_RULES) {
      lines.push(`| \`${id}\` | ${severity} | ${cell(description)} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

for (const [name, wanted] of [
  ['rules.md', rulesDocument()],
  ['lint.md', lintDocument()],
] as const) {
  const path = join(DOCS, name);
  let present = '';
  try {
    present = readFileSync(path, 'utf8');
  } catch {
    // not there yet
  }
  if (present === wanted) continue;
  if (process.argv.includes('--check')) {
    console.error(`docs/${name} does not match the rules: run npm run rules`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, wanted);
    console.log(`wrote docs/${name}`);
  }
}
