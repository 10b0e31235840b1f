/**
 * Section `budgets`: how large what may be.
 *
 *     budgets:
 *       baseline: image-baseline.json
 *       presets: [github-release]
 *       limits:
 *         - measure: file-size
 *           max: 2GiB
 *           warn: 1.8GiB
 *           growth: 5%
 *         - name: no toolchain
 *           measure: package
 *           match: gcc-*
 *           max: 0
 *           allowEmpty: true
 *           message: Purge build-essential at the end of setup.sh.
 *       artifacts:
 *         - format: vmdk
 *           limits: …
 *
 * What a budget is and how it is measured: src/budgets/.
 */
import { z } from 'zod';
import {
  type Budget,
  type BudgetConfig,
  COUNT_MEASURES,
  describe,
  type Measure,
  SIZE_MEASURES,
} from '../budgets/budget.ts';
import { type Growth, parseGrowth } from '../budgets/growth.ts';
import { compilePattern } from '../budgets/pattern.ts';
import { PRESETS, type PresetName, presetBudget } from '../budgets/presets.ts';
import { assertUniqueNames } from '../budgets/select.ts';
import { ImgoptError } from '../core/errors.ts';
import { size } from './values.ts';
import type { ConfigPath } from './yaml.ts';

/** Our own readers of text in place of zod's: their message becomes the problem. */
function read<T>(parse: () => T, context: z.core.$RefinementCtx): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ImgoptError)) throw error;
    const message = error.advice === undefined ? error.message : `${error.message}: ${error.advice}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
}

const pattern = (kind: 'name' | 'path', description: string) =>
  z
    .string()
    .min(1)
    .transform((text, context): string => {
      read(() => compilePattern(text, kind), context);
      return text;
    })
    .meta({ description });

const growth = z
  .union([z.string(), z.int().min(0)])
  .transform((value, context): Growth => read(() => parseGrowth(String(value)), context))
  .meta({ description: 'How much larger than in the baseline it may be: 5%, 50MiB, 1.3x, or 0.' });

const count = z.int().min(0).meta({ description: 'A whole number.' });

const MAX = 'The largest value that passes.';
const WARN = 'The largest value without a warning.';

const common = {
  name: z.string().min(1).max(200).optional().meta({ description: 'As messages call it.' }),
  growth: growth.optional(),
  message: z.string().max(2000).optional().meta({ description: 'For who breaks it: what to do.' }),
};
const empty = {
  allowEmpty: z
    .boolean()
    .optional()
    .meta({ description: 'Matching nothing is fine, and 0; otherwise it is an error.' }),
};
const sizeLimits = {
  max: size.optional().meta({ description: MAX }),
  warn: size.optional().meta({ description: WARN }),
};
const countLimits = {
  max: count.optional().meta({ description: MAX }),
  warn: count.optional().meta({ description: WARN }),
};

const WHOLE = ['file-size', 'virtual-size', 'allocated', 'stale', 'reclaimable'] as const;

const limit = z
  .discriminatedUnion('measure', [
    z.strictObject({ measure: z.enum(WHOLE), ...common, ...sizeLimits }),
    z.strictObject({
      measure: z.literal('compressed'),
      codec: z.enum(['zstd', 'gzip']).optional().meta({ description: 'zstd unless given.' }),
      ...common,
      ...sizeLimits,
    }),
    z.strictObject({
      measure: z.literal('filesystem'),
      match: pattern('name', 'Mount point, label, UUID or number.'),
      of: z.enum(['used', 'size', 'unused', 'stale']).optional().meta({ description: 'used unless given.' }),
      ...common,
      ...empty,
      ...sizeLimits,
    }),
    z.strictObject({
      measure: z.literal('package'),
      match: pattern('name', 'Name or pattern of packages: linux-firmware, gcc-*, python:*.'),
      ...common,
      ...empty,
      ...sizeLimits,
    }),
    z.strictObject({
      measure: z.literal('path'),
      match: pattern('path', 'Path or pattern: /usr/share/doc, /home/**, /var/log/*.gz.'),
      ...common,
      ...empty,
      ...sizeLimits,
    }),
    z.strictObject({
      measure: z.literal('kind'),
      match: pattern('name', 'Kind of files, as the report names it: documentation, firmware.'),
      ...common,
      ...empty,
      ...sizeLimits,
    }),
    z.strictObject({
      measure: z.literal('files'),
      match: pattern('path', 'Only files there; all unless given.').optional(),
      ...common,
      ...empty,
      ...countLimits,
    }),
    z.strictObject({
      measure: z.literal('hygiene'),
      match: z
        .enum(['error', 'warning', 'info'])
        .optional()
        .meta({ description: 'This severity and worse; all unless given.' }),
      ...common,
      ...countLimits,
    }),
  ])
  .transform((one, context) => {
    if (one.max === undefined && one.warn === undefined && one.growth === undefined) {
      context.addIssue({ code: 'custom', message: 'sets no limit: add max, warn or growth' });
    }
    if (one.max !== undefined && one.warn !== undefined && one.warn > one.max) {
      context.addIssue({ code: 'custom', path: ['warn'], message: 'never warns: it is above max' });
    }
    return one;
  })
  .meta({
    description: `A budget: what is measured (${[...SIZE_MEASURES, ...COUNT_MEASURES].join(', ')}) and its limits.`,
  });

const presets = z.array(z.enum(Object.keys(PRESETS) as [PresetName, ...PresetName[]])).meta({
  description: `Limits that others set. ${Object.entries(PRESETS)
    .map(([name, { description }]) => `${name}: ${description}`)
    .join('. ')}.`,
});

const body = {
  baseline: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'File to compare with: a recorded baseline, report, manifest or artifact.' }),
  presets: presets.optional(),
  limits: z.array(limit).optional(),
};

const FORMATS = 'As qemu-img names it: qcow2, raw, vmdk, vpc, vdi.';

export const budgetsSection = z
  .strictObject({
    ...body,
    artifacts: z
      .array(
        z.strictObject({
          format: z.string().min(1).optional().meta({ description: FORMATS }),
          name: pattern('name', "Name or pattern of the artifact's file.").optional(),
          build: pattern('name', "Packer's name of the build, or a pattern.").optional(),
          ...body,
        }),
      )
      .optional()
      .meta({
        description: 'Budgets for some artifacts: all of format, name and build that are given must fit.',
      }),
  })
  .meta({ description: 'How large what may be; imgopt check holds it.' });

type Section = z.output<typeof budgetsSection>;

/**
 * The section as src/budgets takes it.
 * @param where place of a setting, for messages
 * @param resolve path of a file that the configuration names relative to itself
 * @throws ImgoptError `usage` for two budgets of one name side by side
 */
export function budgetConfig(
  section: Section,
  where: (path: ConfigPath) => string,
  resolve: (file: string) => string,
): BudgetConfig {
  const budgetsOf = (
    from: Pick<Section, 'limits' | 'presets'>,
    path: readonly (string | number)[],
  ): readonly Budget[] => {
    const budgets = [
      ...(from.presets ?? []).map((name, index) => presetBudget(name, where([...path, 'presets', index]))),
      ...(from.limits ?? []).map((one, index) => toBudget(one, where([...path, 'limits', index]))),
    ];
    assertUniqueNames(budgets);
    return budgets;
  };
  return {
    baseline: section.baseline === undefined ? null : resolve(section.baseline),
    budgets: budgetsOf(section, ['budgets']),
    sections: (section.artifacts ?? []).map((one, index) => ({
      format: one.format ?? null,
      name: one.name ?? null,
      build: one.build ?? null,
      baseline: one.baseline === undefined ? null : resolve(one.baseline),
      budgets: budgetsOf(one, ['budgets', 'artifacts', index]),
    })),
  };
}

function toBudget(one: z.output<typeof limit>, where: string): Budget {
  const what = {
    measure: one.measure as Measure,
    match: 'match' in one ? (one.match ?? null) : null,
    of: 'of' in one ? (one.of ?? 'used') : 'used',
    codec: 'codec' in one ? (one.codec ?? 'zstd') : 'zstd',
  } as const;
  return {
    ...what,
    name: one.name ?? describe(what),
    max: one.max ?? null,
    warn: one.warn ?? null,
    growth: one.growth ?? null,
    message: one.message ?? null,
    allowEmpty: 'allowEmpty' in one && one.allowEmpty === true,
    where,
  };
}
