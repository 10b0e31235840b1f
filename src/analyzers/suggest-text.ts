/** How suggestions say lists. */
import { escapeName } from '../core/text.ts';

/** `a, b, c and 12 more`. */
export function someOf(names: readonly string[], most: number): string {
  const shown = names.slice(0, most).map(escapeName);
  const rest = names.length - shown.length;
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`;
}
