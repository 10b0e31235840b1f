/** A small text in place of whatever has its name, whole or not at all. */
import { OutputFile } from '../core/output-file.ts';

/** @throws ImgoptError `system` when the host refuses; what was there stays then */
export async function writeText(path: string, text: string, mode?: number): Promise<void> {
  const file = await OutputFile.create(path, { force: true, ...(mode === undefined ? {} : { mode }) });
  try {
    await file.write(Buffer.from(text));
    await file.finish();
  } catch (error) {
    await file.abort();
    throw error;
  }
}
