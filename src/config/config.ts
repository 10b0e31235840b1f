/**
 * imgopt.yml: what a project settles once for every run. One file for all commands, a section for each; found from
 * the working folder upward (find.ts), as .editorconfig is, or named with --config.
 *
 * The schema is strict, since a key that nobody reads is a budget that nobody holds. Whatever is wrong with the file
 * is wrong usage (exit code 2) and says line and column. A section is a file of this folder: its schema turns text
 * into the options that its reader declares.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { system, usage } from '../core/errors.ts';
import { MAX_CONFIG_BYTES } from '../core/limits.ts';
import { budgetsSection } from './budgets.ts';
import { firstProblem } from './issues.ts';
import { lintSection } from './lint.ts';
import { packerSection } from './packer.ts';
import { rulesSection } from './rules.ts';
import { type ConfigPath, readYaml } from './yaml.ts';

/** A line per section. */
const configSchema = z
  .strictObject({
    rules: rulesSection.optional(),
    budgets: budgetsSection.optional(),
    packer: packerSection.optional(),
    lint: lintSection.optional(),
  })
  .meta({ description: 'Configuration of imgopt: imgopt.yml.' });

export type Config = z.output<typeof configSchema>;

export interface LoadedConfig {
  /** Null when there is none: then every section is absent. */
  readonly path: string | null;
  readonly config: Config;
  /** `FILE:LINE:COLUMN` of a setting, for what turns out wrong later: a budget that matches nothing. */
  where(path: ConfigPath): string;
}

/** The published JSON Schema (draft 2020-12). */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    $id: 'https://raw.githubusercontent.com/imgopt/imgopt/main/schemas/imgopt-yml.schema.json',
    title: 'imgopt.yml',
    ...rest,
  };
}

/**
 * @param text of imgopt.yml
 * @param file as messages shall name it
 * @throws ImgoptError `usage` with file, line and column of the first thing that is wrong
 */
export function parseConfig(text: string, file: string): LoadedConfig {
  const { value, where } = readYaml(text, file);
  const refuse = (code: string, message: string, place: string, advice?: string): never => {
    throw usage(`CONFIG_${code}`, message, { where: [place], ...(advice === undefined ? {} : { advice }) });
  };
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) {
    return refuse('VALUE', 'the file must be a mapping of sections', where([]));
  }
  // A section whose lines are all commented out is no section.
  const sections = Object.fromEntries(Object.entries(value ?? {}).filter(([, section]) => section !== null));
  const result = configSchema.safeParse(sections);
  if (!result.success) {
    const { problem, more } = firstProblem(result.error, configSchema, sections);
    const { code, path, part, message, advice } = problem;
    const rest = more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'problem' : 'problems'})`;
    return refuse(code, `${message}${rest}`, where(path, part), advice);
  }
  return { path: file, config: result.data, where };
}

/**
 * Reads a configuration.
 * @param file as the user named it, and as messages shall
 * @param folder that a relative name starts from
 * @throws ImgoptError `usage` when it does not exist or is wrong; `system` when it cannot be read
 */
export async function loadConfig(file: string, folder: string): Promise<LoadedConfig> {
  return parseConfig(await readText(file, resolve(folder, file)), file);
}

async function readText(name: string, path: string): Promise<string> {
  try {
    const handle = await open(path, constants.O_RDONLY);
    try {
      // A pipe (--config <(…)) has no size: what is read is bounded, not what stat says.
      const bytes = Buffer.alloc(MAX_CONFIG_BYTES + 1);
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > MAX_CONFIG_BYTES) {
        throw usage('CONFIG_TOO_LARGE', `is larger than ${MAX_CONFIG_BYTES} bytes`, { where: [name] });
      }
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw usage('CONFIG_NOT_FOUND', 'there is no such file', { where: [name], advice: 'check --config' });
    }
    if (error instanceof TypeError) throw usage('CONFIG_SYNTAX', 'is not UTF-8 text', { where: [name] });
    throw system(error, [name]);
  }
}
