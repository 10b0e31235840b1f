/** Programs that were built or downloaded with their debugging sections; their section headers tell how much that is. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { FILE_TYPE } from '../../core/file-table.ts';
import { readElf } from '../elf.ts';
import { judgeContent } from '../guest-content.ts';
import { evidenceOf } from '../path-rule.ts';
import { shellQuote } from '../remove-packages.ts';

/** A filesystem frees whole blocks. */
const BLOCK = 4096;

export const unstrippedPrograms: RemovalRule = {
  id: 'unstripped-programs',
  title: 'Debugging sections of programs',
  safety: 'review',
  family: 'development',
  description:
    'Large ELF files that no package owns and that carry debugging sections or a symbol table, as far as `strip` drops ' +
    'them. Only their headers are read.',
  parameters: [
    {
      name: 'larger',
      description: 'only files of at least so many bytes',
      unit: 'bytes',
      default: 5 * 1024 * 1024,
    },
    {
      name: 'strippable',
      description: 'only files with at least so many bytes to drop',
      unit: 'bytes',
      default: 1024 * 1024,
    },
  ],
  async evaluate({ files, inspection, number }) {
    const { table } = inspection;
    const entries: number[] = [];
    const freed: number[] = [];
    const least = number('larger');
    for (let entry = 0; entry < table.count; entry++) {
      if (table.type[entry] !== FILE_TYPE.file || table.size[entry]! < least) continue;
      if (!table.isCounted(entry) || files.ownerOf(entry) >= 0) continue;
      // The kernel's own, and what a tool checks by its sum.
      const path = files.pathOf(entry);
      if (/^\/(?:boot|lib\/modules|usr\/lib\/(?:modules|debug))\/|\.(?:ko|o|a|debug)$/.test(path)) continue;
      if (files.lookup(path) !== entry) continue;
      const elf = await judgeContent(inspection, entry, readElf);
      if (elf?.kind !== 'program' || elf.strippable < number('strippable')) continue;
      const left = Math.ceil((table.size[entry]! - elf.strippable) / BLOCK) * BLOCK;
      entries.push(entry);
      freed.push(Math.max(0, table.allocated[entry]! - left));
    }
    if (entries.length === 0) return [];
    const paths = entries.map((entry) => files.pathOf(entry));
    return [
      {
        entries,
        freed,
        paths,
        commands: paths.map(
          (path) =>
            `if command -v strip >/dev/null 2>&1 && [ -f ${shellQuote(path)} ]; then strip --strip-unneeded ${shellQuote(path)}; fi`,
        ),
        reason: `debuggers read these sections, programs run without; strip while binutils is still there, and not what is verified by a sum (${evidenceOf(files, table, entries)})`,
      },
    ];
  },
};
