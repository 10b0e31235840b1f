import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LINT_RULES, RULE_GROUPS } from '../../../src/templates/rules/index.ts';
import { exampleFiles, lintFiles } from '../support.ts';

describe('lint rules', () => {
  it('stand each once, in a file of its name, with a spec beside its sisters’', () => {
    const ids = LINT_RULES.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(RULE_GROUPS.flatMap((group) => group.rules)).toEqual(LINT_RULES);
    for (const id of ids) {
      expect(existsSync(join(import.meta.dirname, '../../../src/templates/rules', `${id}.ts`)), id).toBe(
        true,
      );
      expect(existsSync(join(import.meta.dirname, `${id}.test.ts`)), id).toBe(true);
    }
  });

  it('say why and what instead, in sentences', () => {
    for (const { id, title, why, fix } of LINT_RULES) {
      expect(title.length, id).toBeLessThan(64);
      expect(why.endsWith('.'), id).toBe(true);
      expect(fix.endsWith('.'), id).toBe(true);
    }
  });

  it('have messages that are clauses, and examples that are all that is wrong with them', async () => {
    for (const { id, example } of LINT_RULES) {
      const { result } = await lintFiles(exampleFiles(example, example.bad));
      expect(result.problems, id).toEqual([]);
      for (const { message } of result.findings) expect(message, id).not.toMatch(/\.$|^[A-Z][a-z]/);
    }
  });
});
