import { describe, expect, it } from 'vitest';
import { canUseProxies, proxyFor } from '../../src/sources/proxy.ts';

const at = (address: string, environment: Record<string, string>): string | undefined =>
  proxyFor(new URL(address), environment)?.address;

describe('proxyFor', () => {
  it('goes by scheme, lower case first, all_proxy last; nothing is none', () => {
    const environment = { http_proxy: 'http://a:1', HTTPS_PROXY: 'http://b:2', all_proxy: 'http://c:3' };
    expect(at('http://x/', environment)).toBe('http://a:1');
    expect(at('https://x/', environment)).toBe('http://b:2');
    expect(at('https://x/', { ...environment, https_proxy: 'http://d:4' })).toBe('http://d:4');
    expect(at('https://x/', { all_proxy: 'http://c:3' })).toBe('http://c:3');
    expect(at('https://x/', { ALL_PROXY: 'http://c:3' })).toBe('http://c:3');
    expect(at('http://x/', { ...environment, http_proxy: '' })).toBeUndefined();
    expect(at('http://x/', {})).toBeUndefined();
  });

  it('does not take HTTP_PROXY from who asks a CGI program', () => {
    expect(at('http://x/', { HTTP_PROXY: 'http://a:1' })).toBe('http://a:1');
    expect(at('http://x/', { HTTP_PROXY: 'http://a:1', REQUEST_METHOD: 'GET' })).toBeUndefined();
    expect(at('https://x/', { HTTPS_PROXY: 'http://a:1', REQUEST_METHOD: 'GET' })).toBe('http://a:1');
  });

  it.each([
    ['proxy', 'http://proxy:1080'],
    ['proxy:3128', 'http://proxy:3128'],
    ['http://proxy', 'http://proxy:1080'],
    ['http://proxy:80/', 'http://proxy:80'],
    ['https://proxy', 'https://proxy:443'],
    ['http://user:p%40ss@[::1]:3128', 'http://user:p%40ss@[::1]:3128'],
    ['user:443@proxy', 'http://user:443@proxy:1080'],
  ])('reads %s', (text, address) => {
    expect(at('http://x/', { http_proxy: text })).toBe(address);
    expect(proxyFor(new URL('http://x/'), { http_proxy: text })?.shown).not.toMatch(/user|p%40ss/);
  });

  it.each(['socks5://secret@proxy', 'http://', 'http://user:secret@proxy:99999'])(
    'refuses %s, without showing it',
    (text) => {
      let message = '';
      try {
        at('http://x/', { http_proxy: text });
      } catch (error) {
        message = (error as { toLine(): string }).toLine();
      }
      expect(message).toMatch(/^IMGOPT_(PROXY_KIND|BAD_PROXY): http_proxy /);
      expect(message).not.toContain('secret');
    },
  );

  it.each<[list: string, address: string, isDirect: boolean]>([
    ['*', 'http://x/', true],
    ['example.org', 'http://example.org/', true],
    ['example.org', 'http://EXAMPLE.org./', true],
    ['example.org', 'http://a.example.org/', true],
    ['.example.org', 'http://example.org/', true],
    ['*.example.org', 'http://a.example.org/', true],
    ['example.org', 'http://notexample.org/', false],
    ['a.example.org', 'http://example.org/', false],
    ['x, example.org', 'http://example.org/', true],
    ['example.org:8080', 'http://example.org:8080/', true],
    ['example.org:8080', 'http://example.org/', false],
    ['example.org:443', 'https://example.org/', true],
    ['10.0.0.0/8', 'http://10.1.2.3/', true],
    ['10.0.0.0/8', 'http://11.1.2.3/', false],
    ['10.0.0.0/99', 'http://10.1.2.3/', false],
    ['10.1.2.3', 'http://10.1.2.3/', true],
    ['2.3', 'http://10.1.2.3/', false],
    ['10.1.2.3:8080', 'http://10.1.2.3:8080/', true],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['[fd12::1]:81', 'http://[fd12::1]:81/', true],
    ['::1', 'http://[::1]/', true],
    ['::1', 'http://[::2]/', false],
    ['', 'http://x/', false],
    [',', 'http://x/', false],
  ])('no_proxy=%s: %s directly: %s', (list, address, isDirect) => {
    const environment = { all_proxy: 'http://proxy:1', no_proxy: list };
    expect(at(address, environment) === undefined).toBe(isDirect);
    expect(at(address, { ...environment, no_proxy: 'other', NO_PROXY: list })).toBeDefined();
  });
});

it('knows which Node can', () => {
  expect(['22.15.0', '22.21.0', '23.11.0', '24.4.1', '24.5.0', '25.0.0'].map(canUseProxies)).toEqual([
    ...[false, true, false, false, true, true],
  ]);
});
