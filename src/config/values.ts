/** Values that several sections of imgopt.yml share. */
import { z } from 'zod';
import { ImgoptError } from '../core/errors.ts';
import { parseSize } from '../core/size.ts';

/** `512MiB`, `2GB`, `1.5G` or a number of bytes; becomes bytes. The units are those of the command line. */
export const size = z
  .union([
    z.number(),
    z.string().meta({ pattern: '^\\s*(\\d+(\\.\\d+)?|\\.\\d+)\\s*([KkMmGgTtPp]([Ii]?[Bb])?|[Bb])?\\s*$' }),
  ])
  .transform((value, context) => {
    try {
      if (typeof value === 'string') return parseSize(value);
      if (Number.isSafeInteger(value) && value >= 0) return value;
      context.addIssue({
        code: 'custom',
        message: `${value} is not a size: write a whole number of bytes, or 512MiB, 2GB, 1.5G`,
      });
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw error;
      context.addIssue({
        code: 'custom',
        message: error.advice === undefined ? error.message : `${error.message}: ${error.advice}`,
      });
    }
    return z.NEVER;
  })
  .meta({ description: 'Bytes: 512MiB, 2GB, 1.5G (K, M, G, T alone are powers of 1024) or a whole number.' });
