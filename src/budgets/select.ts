/** Which budgets hold for an artifact: the common ones, and those of every section that it belongs to. */
import { usage } from '../core/errors.ts';
import type { Budget, BudgetConfig, BudgetSection } from './budget.ts';
import { compilePattern } from './pattern.ts';

export interface ArtifactTraits {
  /** Of its file. */
  readonly name: string;
  readonly format: string;
  /** Packer's name of the build; null when nobody knows. */
  readonly build: string | null;
}

export interface ChosenBudgets {
  readonly budgets: readonly Budget[];
  /** As the last section that applies names it, or the common one. */
  readonly baseline: string | null;
}

/** Later budgets of the same name replace earlier ones: a section may loosen what holds for all. */
export function chooseBudgets(config: BudgetConfig, traits: ArtifactTraits): ChosenBudgets {
  const sections = config.sections.filter((one) => applies(one, traits));
  const byName = new Map<string, Budget>();
  for (const budget of [...config.budgets, ...sections.flatMap((one) => one.budgets)]) {
    byName.set(budget.name, budget);
  }
  const baseline = sections.reduce<string | null>((path, one) => one.baseline ?? path, config.baseline);
  return { budgets: [...byName.values()], baseline };
}

function applies({ format, name, build }: BudgetSection, traits: ArtifactTraits): boolean {
  if (format !== null && format !== traits.format) return false;
  if (name !== null && !compilePattern(name, 'name')(traits.name)) return false;
  return build === null || (traits.build !== null && compilePattern(build, 'name')(traits.build));
}

/** @throws ImgoptError `usage` for two budgets of one name in one place, where the later would hide the earlier */
export function assertUniqueNames(budgets: readonly Budget[]): void {
  const seen = new Map<string, Budget>();
  for (const budget of budgets) {
    const earlier = seen.get(budget.name);
    if (earlier !== undefined) {
      throw usage('BUDGET_TWICE', `two budgets are called '${budget.name}', here and at ${earlier.where}`, {
        where: [budget.where],
        advice: 'give one of them a name of its own',
      });
    }
    seen.set(budget.name, budget);
  }
}
