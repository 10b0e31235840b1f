/** How commands get at imgopt.yml: one flag, one look-up. */
import { relative } from 'node:path';
import { Flags } from '@oclif/core';
import type { LoadedConfig } from '../config/config.ts';
import { CONFIG_NAME, findConfig } from '../config/find.ts';

/** For the flags of a command that reads a section. */
export const CONFIG_FLAG = Flags.string({
  summary: 'Configuration to use in place of the nearest imgopt.yml, from the working folder upward.',
  helpValue: 'FILE',
});

/**
 * The configuration of a run: the file that --config names, or the nearest; without one every section is absent.
 * The schema is loaded only for runs that have something to hold against it.
 */
export async function configOf(flags: { config?: string | undefined }): Promise<LoadedConfig> {
  const folder = process.cwd();
  const found = flags.config === undefined ? await findConfig(folder) : undefined;
  const file = flags.config ?? (found === undefined ? undefined : relative(folder, found));
  if (file === undefined) return { path: null, config: {}, where: () => CONFIG_NAME };
  const { loadConfig } = await import('../config/config.ts');
  return loadConfig(file, folder);
}
