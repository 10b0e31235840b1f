/**
 * Section `packer`: what `imgopt packer post-process` does with the images of a build.
 *
 *     packer:
 *       steps: [analyze, check, optimize]
 *       keep_input: false
 *       optimize:
 *         format: qcow2
 *         compression: zstd
 */
import { z } from 'zod';
import { isInOrder, PACKER_DEFAULTS, type PackerOptions, STEPS } from '../packer/options.ts';

export const packerSection = z
  .strictObject({
    steps: z
      .array(z.enum(STEPS))
      .min(1)
      .refine((steps) => new Set(steps).size === steps.length, 'each step runs once')
      .refine(isInOrder, 'optimize comes before compress')
      .optional()
      .meta({
        description: 'What to do, in this order. Without it: analyze, check if there are budgets, optimize.',
      }),
    keep_input: z.boolean().optional().meta({
      description: 'Leave the image as Packer made it and put the small one beside it (default: true).',
    }),
    report: z
      .boolean()
      .optional()
      .meta({ description: 'Write IMAGE.imgopt.json beside it (default: true).' }),
    checksum: z
      .boolean()
      .optional()
      .meta({ description: 'Write RESULT.sha256 beside it, as sha256sum -c reads it (default: true).' }),
    optimize: z
      .strictObject({
        format: z
          .enum(['qcow2', 'raw', 'vmdk', 'vhd', 'vpc', 'vdi'])
          .optional()
          .meta({ description: "Format of the small image (default: the image's own)." }),
        subformat: z.string().min(1).optional().meta({ description: 'Variant of the format.' }),
        compression: z
          .enum(['zlib', 'zstd', 'gzip', 'none'])
          .optional()
          .meta({ description: "Compression inside of the format (default: the format's)." }),
        level: z.int().min(0).max(22).optional().meta({ description: 'Level of the compression.' }),
      })
      .optional(),
    compress: z
      .strictObject({
        algorithm: z.enum(['zstd', 'gzip']).optional().meta({ description: 'zstd unless given.' }),
        level: z.int().min(1).max(22).optional().meta({ description: 'Level: zstd 1 to 22, gzip 1 to 9.' }),
      })
      .optional(),
  })
  .transform(
    ({ steps, keep_input, report, checksum, optimize, compress }): PackerOptions => ({
      steps: steps ?? PACKER_DEFAULTS.steps,
      keepInput: keep_input ?? PACKER_DEFAULTS.keepInput,
      report: report ?? PACKER_DEFAULTS.report,
      checksum: checksum ?? PACKER_DEFAULTS.checksum,
      optimize: optimize ?? PACKER_DEFAULTS.optimize,
      compress: { ...compress, algorithm: compress?.algorithm ?? PACKER_DEFAULTS.compress.algorithm },
    }),
  )
  .meta({ description: 'What imgopt packer post-process does with the images of a build.' });
