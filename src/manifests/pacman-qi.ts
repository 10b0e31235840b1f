/**
 * `pacman -Qi`: a block of `Field : value` per package. Sizes are printed with two decimals, so they are exact to a
 * hundredth of their unit.
 */
import { compareText } from '../core/text.ts';
import { badLine, type ListReader, linesOf, PackageList, packageOf, printedSize } from './manifest.ts';

const FIELD = /^([A-Z][A-Za-z ]*?) *: (.*)$/;

export const pacmanQi: ListReader = {
  name: 'pacman-qi',
  recognises: (sample) =>
    /^Name {2,}: /.test(sample[0] ?? '') &&
    sample.some((line) => line.startsWith('Version ')) &&
    sample.some((line) => line.startsWith('Install Reason ') || line.startsWith('Installed Size ')),
  read(text) {
    const packages = new PackageList();
    let fields = new Map<string, string>();
    let current: string | undefined;
    const finish = (): void => {
      const name = fields.get('Name');
      if (name !== undefined) {
        const reason = fields.get('Install Reason');
        packages.add(
          packageOf('pacman', name, fields.get('Version') ?? '', {
            architecture: fields.get('Architecture') ?? null,
            installedSize: printedSize(fields.get('Installed Size') ?? ''),
            automatic: reason === undefined ? null : reason.startsWith('Installed as a dependency'),
            requiredBy: wordsIn(fields.get('Required By')).sort(compareText),
          }),
        );
      }
      fields = new Map();
    };
    for (const { line, number } of linesOf(text)) {
      const match = /^\s/.test(line) ? null : FIELD.exec(line);
      if (match !== null) {
        current = match[1]!;
        if (current === 'Name') finish();
        fields.set(current, match[2]!);
      } else if (current !== undefined && /^\s/.test(line)) {
        fields.set(current, `${fields.get(current)}  ${line.trim()}`);
      } else if (!/ *:$/.test(line)) {
        throw badLine(number, line);
      }
    }
    finish();
    return { packages: packages.list() };
  },
};

function wordsIn(text: string | undefined): string[] {
  return text === undefined || text === 'None' ? [] : text.split(/\s+/).filter((one) => one !== '');
}
