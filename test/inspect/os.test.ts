import { describe, expect, it } from 'vitest';
import { parseOsRelease } from '../../src/inspect/os.ts';

describe('os-release(5)', () => {
  it('reads assignments with and without quotes', () => {
    const values = parseOsRelease(
      [
        '# comment',
        'ID=debian',
        'VERSION_ID="12"',
        "PRETTY_NAME='Single $quoted \\ text'",
        'NAME="A \\"quoted\\" \\$name with \\`ticks\\` and \\\\"',
        '  HOME_URL="https://example.org/"  ',
        'EMPTY=',
        'not an assignment',
        'lower=case',
      ].join('\n'),
    );
    expect(Object.fromEntries(values)).toEqual({
      ID: 'debian',
      VERSION_ID: '12',
      PRETTY_NAME: 'Single $quoted \\ text',
      NAME: 'A "quoted" $name with `ticks` and \\',
      HOME_URL: 'https://example.org/',
      EMPTY: '',
    });
  });

  it('takes the last of two, and line ends of Windows', () => {
    expect(parseOsRelease('ID=a\r\nID=b\r\n').get('ID')).toBe('b');
  });

  it('is linear on hostile lines', () => {
    const started = performance.now();
    parseOsRelease(`ID=${' '.repeat(500_000)}x`);
    parseOsRelease(`ID=${'\\'.repeat(500_000)}`);
    parseOsRelease(`ID="${'"'.repeat(500_000)}`);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
