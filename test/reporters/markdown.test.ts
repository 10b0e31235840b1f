import { marked, type Token, type Tokens } from 'marked';
import { describe, expect, test } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { markdownReporter } from '../../src/reporters/markdown.ts';
import { MiB, madeManifest } from '../budgets/made.ts';
import { hostileReport } from './check/made.ts';
import { plainOptions, sampleReport } from './sample.ts';

const render = (report: Report, top = 20): string =>
  [...markdownReporter.render(report, { ...plainOptions, top })].join('');

function walk(text: string): Token[] {
  const all: Token[] = [];
  marked.walkTokens(marked.lexer(text), (token) => void all.push(token));
  return all;
}

describe('the report as Markdown', () => {
  test('its first lines say where the bytes went and what to do', () => {
    const [title, , headline, , ...rest] = render(sampleReport).split('\n');
    expect(title).toBe('### `debian.qcow2`');
    expect(headline).toBe(
      '**1.6 GiB** on disk (qcow2, 6.0 GiB virtual); Debian GNU/Linux 12 (bookworm), 1.1 GiB in 31,204 files, 2 packages.',
    );
    const text = rest.join('\n');
    expect(text).toMatch(/\| 420 MiB \| 26\.3 % \| deleted data in unused blocks \| █{5} \| estimated \|/);
    expect(text).toMatch(/\*\*Could be removed:\*\* .* safe/);
  });

  test('lists are folded, cut at --top, and say how many there are', () => {
    const text = render(sampleReport, 1);
    expect(text).toContain('<details>\n<summary>Packages (1 of 2)</summary>');
    expect(text).not.toContain('`libc6`');
  });

  test('an error is open', () => {
    const diagnostics = [{ code: 'IMGOPT_X', severity: 'error', message: 'broken', where: 'disk' }] as const;
    expect(render({ ...sampleReport, diagnostics })).toContain(
      '<details open>\n<summary>What to know</summary>',
    );
  });

  test('a manifest tells its packages and no bytes', () => {
    const text = render(
      madeManifest([
        { name: 'bash', declared: MiB },
        { name: 'x', declared: null },
      ]),
    );
    expect(text).toContain('A manifest (dpkg) of 2 packages');
    expect(text).toContain('|  |  | 1.0 MiB | `bash` | `1` |');
    expect(text).toContain('|  |  |  | `x` | `1` |');
  });

  test('no name becomes markup, a link or a cell', () => {
    const all = walk(render(hostileReport, 0));
    for (const kind of ['image', 'em', 'code', 'del', 'link']) {
      expect(
        all.filter((token) => token.type === kind).map((token) => token.raw),
        kind,
      ).toEqual([]);
    }
    expect(all.filter((token) => token.type === 'strong').map((token) => token.raw)).not.toContain(
      '**bold**',
    );
    const tables = all.filter((token): token is Tokens.Table => token.type === 'table');
    for (const table of tables) for (const row of table.rows) expect(row).toHaveLength(table.header.length);
    for (const token of all.filter((one) => one.type === 'html')) {
      expect(token.raw).not.toMatch(/<(script|b|img)\b/);
    }
  });
});
