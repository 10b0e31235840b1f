/** A file that does not bear its name yet, as a writer sees it. */
import type { ImageOutput } from '../core/contracts/writer.ts';
import type { OutputFile } from '../core/output-file.ts';

export function fileOutput(file: OutputFile): ImageOutput {
  return {
    isSequential: false,
    write: (bytes, offset) => file.writeAt(bytes, offset),
    setSize: (size) => file.setSize(size),
  };
}
