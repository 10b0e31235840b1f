/** npm: `npm ls`, as a tree of lines or with --json. What several packages share stands below each; it counts once. */
import { corrupt } from '../core/errors.ts';
import { asObject, textOf } from '../core/json.ts';
import { MAX_PACKAGES } from '../core/limits.ts';
import {
  badLine,
  type DocumentReader,
  type ListReader,
  linesOf,
  PackageList,
  packageOf,
} from './manifest.ts';

export const npmJson: DocumentReader = {
  name: 'npm',
  // package.json has dependencies too, but those are ranges rather than packages.
  recognises(document) {
    const dependencies = asObject(asObject(document)?.dependencies);
    return (
      dependencies !== undefined &&
      Object.keys(dependencies).length > 0 &&
      Object.values(dependencies).every((value) => {
        const one = asObject(value);
        return one !== undefined && (one.version === undefined || typeof one.version === 'string');
      })
    );
  },
  read(document) {
    const packages = new PackageList();
    const open: unknown[] = [document];
    let seen = 0;
    while (open.length > 0) {
      for (const [name, value] of Object.entries(asObject(asObject(open.pop())?.dependencies) ?? {})) {
        if (++seen > MAX_PACKAGES)
          throw corrupt('MANIFEST_PACKAGES', `more than ${MAX_PACKAGES} dependencies`);
        const one = asObject(value);
        const version = textOf(one?.version);
        // What is missing or an unmet peer has no version: it is asked for, not there.
        if (one !== undefined && version !== undefined && one.missing !== true) {
          packages.add(packageOf('npm', name, version));
        }
        open.push(value);
      }
    }
    return { packages: packages.list() };
  },
};

const BRANCH = /^[│├└─┬ |`+-]*(?:UNMET (?:OPTIONAL |PEER )?DEPENDENCY )?(@?[^@\s]+)@(\S+)((?: .*)?)$/;
const IS_BRANCH = /^[│ |]*(?:[├└][─┬]+|[+`]-[-]) ?/;
const EMPTY = /^[│ |]*[└`]-?[─-]* ?\(empty\)$/;
const TALK = /^npm (?:ERR!|error|warn|WARN)/;

export const npmTree: ListReader = {
  name: 'npm',
  recognises: (sample) =>
    sample.length > 1 &&
    !IS_BRANCH.test(sample[0]!) &&
    sample
      .slice(1)
      .every((line) => TALK.test(line) || EMPTY.test(line) || (IS_BRANCH.test(line) && BRANCH.test(line))),
  read(text) {
    const packages = new PackageList();
    let isFirst = true;
    for (const { line, number } of linesOf(text)) {
      if (isFirst) {
        isFirst = false; // the project itself, and where it lies
        continue;
      }
      if (TALK.test(line) || EMPTY.test(line)) continue;
      const match = IS_BRANCH.test(line) ? BRANCH.exec(line) : null;
      if (match === null) throw badLine(number, line);
      if (line.includes('UNMET ')) continue;
      packages.add(packageOf('npm', match[1]!, match[2]!));
    }
    return { packages: packages.list() };
  },
};
