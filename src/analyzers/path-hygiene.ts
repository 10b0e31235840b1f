/** The shape of hygiene rules that only ask whether something is there. */
import type { HygieneRule, HygieneSeverity } from '../core/contracts/rule.ts';
import { expandHome } from './path-rule.ts';

export interface PathHygiene {
  readonly id: string;
  readonly title: string;
  readonly severity: HygieneSeverity;
  readonly description: string;
  readonly patterns: readonly string[];
  readonly command: string;
  readonly why: string;
  /** Files of this many bytes or more count; 1 unless told. */
  readonly least?: number;
  /** Also links and directories. */
  readonly anything?: true;
  /** Names that do not count. */
  readonly except?: RegExp;
}

export function pathHygiene(rule: PathHygiene): HygieneRule {
  const { id, title, severity, description, patterns, command, why, least = 1, anything, except } = rule;
  return {
    id,
    title,
    severity,
    family: 'hygiene',
    description,
    evaluate({ files, inspection }) {
      const found = patterns
        .flatMap((pattern) => expandHome(files, pattern))
        .flatMap((pattern) => files.glob(pattern))
        .filter((entry) => except?.test(files.name(entry)) !== true)
        .filter(
          (entry) => anything === true || (files.isFile(entry) && inspection.table.size[entry]! >= least),
        );
      if (found.length === 0) return [];
      const paths = [...new Set(found.map((entry) => files.pathOf(entry)))].sort();
      return [{ paths, commands: [command], reason: why }];
    },
  };
}
