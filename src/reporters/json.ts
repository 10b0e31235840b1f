/** The report itself, as one JSON document: what `--json` prints. */
import type { Report } from '../core/contracts/report.ts';
import type { Reporter } from '../core/contracts/reporter.ts';

/** Elements of a long list that are turned into one piece of text. */
const ELEMENTS_PER_CHUNK = 1000;

export const jsonReporter: Reporter = {
  name: 'json',
  mediaType: 'application/json',
  extension: 'json',
  // The bytes of JSON.stringify(report, null, 2), without a string as long as `--top 0` makes it.
  *render(report: Report) {
    const keys = Object.keys(report) as (keyof Report)[];
    for (const [position, key] of keys.entries()) {
      yield `${position === 0 ? '{' : ','}\n  ${JSON.stringify(key)}: `;
      const value: unknown = report[key];
      if (!Array.isArray(value) || value.length === 0) {
        yield indented(JSON.stringify(value, null, 2), 2);
        continue;
      }
      for (let start = 0; start < value.length; start += ELEMENTS_PER_CHUNK) {
        const piece = JSON.stringify(value.slice(start, start + ELEMENTS_PER_CHUNK), null, 2);
        // Without the piece's own brackets.
        yield `${start === 0 ? '[' : ','}${indented(piece.slice(1, -2), 2)}`;
      }
      yield '\n  ]';
    }
    yield '\n}\n';
  },
};

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`);
}
