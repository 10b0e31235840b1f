/**
 * Annotations of GitHub Actions: workflow commands that the runner finds in a step's output
 * (docs.github.com/actions/reference/workflow-commands-for-github-actions), one line each.
 *
 * The runner also takes a command in its older form, `##[…]`, from anywhere within a line, so that is broken up
 * wherever it comes from a name.
 */
import { escapeName } from '../../core/text.ts';
import type { Finding } from './finding.ts';

export function* renderAnnotations(findings: readonly Finding[]): Generator<string> {
  for (const { level, file, line, column, title, message } of findings) {
    const properties = [
      `file=${property(file)}`,
      ...(line === null ? [] : [`line=${line}`]),
      ...(column === null ? [] : [`col=${column}`]),
      `title=${property(title)}`,
    ];
    const text = (message === '' ? title : message).split('\n').map(plain).join('\n');
    yield `::${level === 'note' ? 'notice' : level} ${properties.join(',')}::${data(text)}\n`;
  }
}

const plain = (text: string): string => escapeName(text.toWellFormed()).replaceAll('##[', '##\\[');

/** As the toolkit escapes what follows the second `::`. */
const data = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const property = (text: string): string => data(plain(text)).replaceAll(':', '%3A').replaceAll(',', '%2C');
