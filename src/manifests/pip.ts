/** pip: `pip list` as columns, `pip list --format=json`, `pip freeze`. No sizes. */
import { asObject, textOf } from '../core/json.ts';
import {
  badLine,
  type DocumentReader,
  type ListReader,
  linesOf,
  PackageList,
  packageOf,
} from './manifest.ts';

const NAME = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
const FROZEN = new RegExp(`^(${NAME})==(\\S+)$`);
/** Installed from a file, a folder or a repository: `name @ file:///…`. */
const DIRECT = new RegExp(`^(${NAME}) @ \\S+$`);
const EDITABLE = /^-e \S+#egg=([A-Za-z0-9._-]+)/;
const COLUMNS = new RegExp(`^(${NAME}) +(\\S+)(?: +\\S.*)?$`);
const HEADING = /^Package +Version\b/;
const RULE = /^-+ +-+/;
const COMMENT = /^(?:#|DEPRECATION: |WARNING: |\[notice\])/;

export const pipJson: DocumentReader = {
  name: 'pip',
  recognises: (document) =>
    Array.isArray(document) &&
    document.length > 0 &&
    (document as unknown[]).every((value) => {
      const one = asObject(value);
      return typeof one?.name === 'string' && typeof one.version === 'string';
    }),
  read(document) {
    const packages = new PackageList();
    for (const value of document as unknown[]) {
      const one = asObject(value)!;
      packages.add(packageOf('python', textOf(one.name)!, textOf(one.version)!));
    }
    return { packages: packages.list() };
  },
};

const isFrozen = (line: string): boolean => FROZEN.test(line) || DIRECT.test(line) || EDITABLE.test(line);

export const pipList: ListReader = {
  name: 'pip',
  recognises: (sample) => {
    const lines = sample.filter((line) => !COMMENT.test(line));
    if (lines.length === 0) return false;
    return HEADING.test(lines[0]!) ? RULE.test(lines[1] ?? '') : lines.every(isFrozen);
  },
  read(text) {
    const packages = new PackageList();
    let isTable = false;
    for (const { line, number } of linesOf(text)) {
      if (COMMENT.test(line) || RULE.test(line)) continue;
      if (HEADING.test(line)) {
        isTable = true;
        continue;
      }
      const match = isTable
        ? COLUMNS.exec(line)
        : (FROZEN.exec(line) ?? DIRECT.exec(line) ?? EDITABLE.exec(line));
      if (match === null) throw badLine(number, line);
      packages.add(packageOf('python', match[1]!, match[2] ?? ''));
    }
    return { packages: packages.list() };
  },
};
