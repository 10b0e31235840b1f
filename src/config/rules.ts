/**
 * Section `rules`: which rules run, how serious what they find is, and their parameters.
 *
 *     rules:
 *       version-control-tools: off
 *       temporary-files: review
 *       locales:
 *         keep: [en, de]
 *       machine-id: warning
 *
 * Every rule is a key of the schema, so that an editor completes and explains them.
 */
import { z } from 'zod';
import { HYGIENE_RULES, REMOVAL_RULES } from '../analyzers/rules/index.ts';
import type { HygieneRule, RemovalRule, RuleOptions, RuleParameter } from '../core/contracts/rule.ts';
import { size } from './values.ts';

/** YAML 1.1, which some editors still speak, takes `off` for false. */
const OFF = z.literal(['off', false]);
const SAFETY = z.enum(['safe', 'review', 'risky']);
const SEVERITY = z.enum(['info', 'warning', 'error']);

const UNITS: Record<RuleParameter['unit'], z.ZodType> = {
  bytes: size,
  days: z.number().min(0),
  number: z.number().min(0),
  words: z.array(z.string().min(1)),
};

function ruleSchema(rule: RemovalRule | HygieneRule): z.ZodType {
  const level = 'safety' in rule ? SAFETY : SEVERITY;
  const parameters = (rule.parameters ?? []).map(({ name, description, unit, default: value }) => [
    name,
    UNITS[unit].optional().meta({ description: `${description}; ${String(value)} if not set` }),
  ]);
  const mapping = z.strictObject({
    ...('safety' in rule ? { safety: level.optional() } : { severity: level.optional() }),
    ...Object.fromEntries(parameters),
  });
  return z
    .union([OFF, level, mapping])
    .optional()
    .meta({ description: `${rule.title}. ${rule.description}` });
}

type RuleSetting = false | string | { readonly [name: string]: unknown };

/** A level in place of the rule's own, and values in place of its parameters' defaults. */
export const rulesSection = z
  .strictObject(
    Object.fromEntries([...REMOVAL_RULES, ...HYGIENE_RULES].map((rule) => [rule.id, ruleSchema(rule)])),
  )
  .transform((section): Omit<RuleOptions, 'platform'> => {
    const off: string[] = [];
    const levels: Record<string, string> = {};
    const parameters: Record<string, RuleOptions['parameters'][string]> = {};
    for (const [id, setting] of Object.entries(section) as [string, RuleSetting | undefined][]) {
      if (setting === undefined) continue;
      if (setting === false || setting === 'off') off.push(id);
      else if (typeof setting === 'string') levels[id] = setting;
      else {
        const { safety, severity, ...rest } = setting;
        const level = safety ?? severity;
        if (level !== undefined) levels[id] = level as string;
        parameters[id] = rest as RuleOptions['parameters'][string];
      }
    }
    return { off, levels, parameters };
  })
  .meta({ description: 'Rules of imgopt analyze: off, a level, or a mapping with a level and parameters.' });
