/** The built-in reporters by name, each loaded when it is asked for. */
import type { Reporter } from '../core/contracts/reporter.ts';

const LOADERS: Record<string, () => Promise<Reporter>> = {
  table: async () => (await import('./table.ts')).tableReporter,
  json: async () => (await import('./json.ts')).jsonReporter,
  markdown: async () => (await import('./markdown.ts')).markdownReporter,
  csv: async () => (await import('./csv.ts')).csvReporter,
  html: async () => (await import('./html.ts')).htmlReporter,
  ncdu: async () => (await import('./ncdu.ts')).ncduReporter,
};

export const REPORTER_NAMES: readonly string[] = Object.keys(LOADERS);

/** @returns undefined for a name that is not built in */
export async function loadReporter(name: string): Promise<Reporter | undefined> {
  return Object.hasOwn(LOADERS, name) ? LOADERS[name]!() : undefined;
}
