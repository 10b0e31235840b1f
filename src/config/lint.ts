/**
 * Section `lint`: which rules of `imgopt lint` run, how serious their findings are, and from which severity on a run
 * fails.
 *
 *     lint:
 *       fail-on: error
 *       rules:
 *         apt-recommends: off
 *         plugins-unpinned: warning
 */
import { z } from 'zod';
import type { LintRule, LintSeverity } from '../templates/rule.ts';
import { LINT_RULES } from '../templates/rules/index.ts';

/** YAML 1.1, which some editors still speak, takes `off` for false. */
const OFF = z.literal(['off', false]);
const SEVERITY = z.enum(['info', 'warning', 'error']);

const ruleSchema = (rule: LintRule): z.ZodType =>
  z
    .union([OFF, SEVERITY])
    .optional()
    .meta({ description: `${rule.title}. ${rule.why}` });

export interface LintSection {
  readonly failOn?: LintSeverity;
  readonly off: readonly string[];
  readonly levels: { readonly [rule: string]: LintSeverity };
}

export const lintSection = z
  .strictObject({
    'fail-on': SEVERITY.optional().meta({
      description: 'Findings of this severity and above fail the run; warning if not set.',
    }),
    rules: z
      .strictObject(Object.fromEntries(LINT_RULES.map((rule) => [rule.id, ruleSchema(rule)])))
      .optional()
      .meta({ description: 'Rules of imgopt lint: off, or a severity in place of their own.' }),
  })
  .transform((section): LintSection => {
    const settings = Object.entries((section.rules ?? {}) as Record<string, unknown>);
    const failOn = section['fail-on'];
    return {
      ...(failOn === undefined ? {} : { failOn }),
      off: settings.filter(([, value]) => value === 'off' || value === false).map(([id]) => id),
      levels: Object.fromEntries(
        settings.filter(([, value]) => SEVERITY.safeParse(value).success),
      ) as LintSection['levels'],
    };
  })
  .meta({ description: 'imgopt lint: what fails a run, and its rules.' });
