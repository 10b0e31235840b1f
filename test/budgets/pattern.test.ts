import { describe, expect, test } from 'vitest';
import { compilePattern } from '../../src/budgets/pattern.ts';

describe('patterns of names', () => {
  test.each([
    ['gcc-12', 'gcc-12', true],
    ['gcc-12', 'gcc-12-base', false],
    ['gcc-*', 'gcc-12-base', true],
    ['gcc-*', 'g++-12', false],
    ['*-dev', 'libc6-dev', true],
    ['lib*-dev', 'libc6-dev', true],
    ['lib?6', 'libc6', true],
    ['lib?6', 'libcc6', false],
    ['libc[0-9]', 'libc6', true],
    ['libc[!0-9]', 'libc6', false],
    ['libc[^0-9]', 'libcx', true],
    ['a[]]b', 'a]b', true],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['@scope/*', '@scope/pkg/x', true], // in names a slash is a character like any other
    ['g++*', 'g++-12', true],
    ['**', 'anything', true],
    ['.*', 'xyz', false],
    ['.*', '.hidden', true],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(compilePattern(pattern, 'name')(name)).toBe(expected);
  });
});

describe('patterns of paths', () => {
  test.each([
    // Without wildcards a path means itself and what is below it, as for du.
    ['/usr/share/doc', '/usr/share/doc', true],
    ['/usr/share/doc', '/usr/share/doc/bash/README', true],
    ['/usr/share/doc/', '/usr/share/doc/bash/README', true],
    ['/usr/share/doc', '/usr/share/doc-base/x', false],
    ['/', '/etc/passwd', true],
    ['/var/log/*.gz', '/var/log/syslog.1.gz', true],
    ['/var/log/*.gz', '/var/log/apt/history.gz', false],
    ['/var/log/**', '/var/log/apt/history.gz', true],
    ['/var/log/**/*.gz', '/var/log/apt/history.gz', true],
    ['/var/log/**/*.gz', '/var/log/history.gz', true], // the double star may be nothing
    ['/a/**/b', '/a/b', true],
    ['/a/**/b', '/a/x/y/b', true],
    ['/a/**/b', '/a/xb', false],
    ['/a/**/b/**/c', '/a/b/c', true],
    ['/a/**/b/**/c', '/a/x/b/y/c', true],
    ['/a/**/b/**/c', '/a/x/y/c', false],
    ['**/*.pyc', '/usr/lib/python3/x.pyc', true],
    ['**/*.pyc', '/x.pyc', true],
    ['/home/*/.cache/**', '/home/me/.cache/x/y', true],
    ['/home/*/.cache/**', '/home/me/you/.cache/x', false],
    ['/a/[!b]', '/a/c', true],
    ['/a[!b]c', '/a/c', false], // a class takes no slash
    ['/usr/lib*/x', '/usr/lib64/x', true],
    ['/usr/lib*/x', '/usr/x', false],
    ['/a/?', '/a//', false],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(compilePattern(pattern, 'path')(path)).toBe(expected);
  });

  test.each(['', 'usr/share', '*/x', '/a[', '/a[]', '/a[z-a]'])('%j is refused', (pattern) => {
    expect(() => compilePattern(pattern, 'path')).toThrow(
      expect.objectContaining({ code: 'IMGOPT_BAD_PATTERN' }),
    );
  });

  test('a hostile path costs its length times the pattern, not an exponential of it', () => {
    const accepts = compilePattern(`/${'a*'.repeat(40)}b`, 'path');
    const start = performance.now();
    expect(accepts(`/${'a'.repeat(4000)}`)).toBe(false);
    expect(performance.now() - start).toBeLessThan(2000); // a backtracking matcher needs 4000^40 steps
  });
});
