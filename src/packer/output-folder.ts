/**
 * Where the sources of a template write their disks, as one expression that holds for each of them: that is where
 * imgopt's results will lie, and where `artifice` has to look.
 */
import { posix } from 'node:path';
import type { Source } from '../templates/model.ts';
import { loadProject } from '../templates/project.ts';
import { staticText } from '../templates/value.ts';
import { NAME, USUAL_FOLDER } from './folder-name.ts';

export interface OutputFolder {
  /** With `NAME` where the source's name belongs. */
  readonly folder: string;
  /** What it is not true of, or could not be found out for: for people. */
  readonly exceptions: readonly string[];
}

function folderOf({ type, name, block, overrides }: Source): string | null {
  const setting = (key: string) => overrides?.value(key) ?? block.value(key);
  // The file builder has a file in place of a folder.
  const key = type === 'file' ? 'target' : 'output_directory';
  const value = setting(key);
  if (value === undefined) return type === 'file' ? null : USUAL_FOLDER;
  const text = staticText(value);
  if (text === undefined) return null;
  const folder = posix.normalize(type === 'file' ? posix.dirname(text) : text).replace(/\/$/, '');
  // As a word of its own: the `a` of images is not the source `a`.
  const word = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return folder.replace(new RegExp(`(?<![A-Za-z0-9])${word}(?![A-Za-z0-9])`, 'g'), NAME);
}

/**
 * Reads the template.
 * @throws ImgoptError what reading templates throws
 */
export async function outputFolder(template: string): Promise<OutputFolder> {
  const { templates } = await loadProject([template]);
  const sources = templates.flatMap((one) => one.sources);
  const folders = sources.map(folderOf);
  const folder = folders.find((one) => one !== null) ?? USUAL_FOLDER;
  const exceptions = sources.flatMap(({ type, name }, index) => {
    const own = folders[index];
    if (own === folder) return [];
    return [`${type}.${name}${own == null ? '' : ` writes to ${own.replaceAll(NAME, name)}`}`];
  });
  return { folder, exceptions };
}
