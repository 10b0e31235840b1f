/** Through a real proxy: tinyproxy says what came through it, and curl says what should. */
import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/core/contracts/report.ts';
import { proxyFor } from '../../src/sources/proxy.ts';
import { imgopt } from '../support/cli.ts';
import { fixturePath } from '../support/fixtures.ts';
import { freePort, type Nginx, startNginx } from '../support/nginx.ts';
import { temporaryFolder } from '../support/temp.ts';
import { startTinyproxy, type Tinyproxy } from '../support/tinyproxy.ts';
import { describeWithTools, findTool, runTool } from '../support/tools.ts';

const folder = temporaryFolder();

describeWithTools(['tinyproxy', 'nginx', 'curl', 'openssl'], 'tinyproxy', () => {
  let nginx: Nginx;
  let proxy: Tinyproxy;
  let sealedPort: number;
  let address: string;
  const certificate = join(folder, 'certificate.pem');

  beforeAll(async () => {
    const root = join(folder, 'root');
    mkdirSync(root);
    symlinkSync(fixturePath('debian-mini/debian-mini.qcow2'), join(root, 'mini.qcow2'));
    const key = join(folder, 'key.pem');
    await runTool('openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
      ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', certificate],
    ]);
    sealedPort = await freePort();
    nginx = await startNginx(
      join(folder, 'nginx'),
      root,
      `listen 127.0.0.1:${sealedPort} ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key};`,
    );
    proxy = await startTinyproxy(join(folder, 'tinyproxy'));
    address = `http://user:secret@127.0.0.1:${proxy.port}`;
  });

  afterAll(async () => {
    await proxy.stop();
    await nginx.stop();
  });

  async function analyze(url: string, environment: Record<string, string>) {
    const before = proxy.requests().length;
    const env = { NODE_EXTRA_CA_CERTS: certificate, ...environment };
    const result = await imgopt(['analyze', url, '--json'], { env });
    expect(result.stdout + result.stderr).not.toContain('secret');
    return { ...result, through: proxy.requests().slice(before) };
  }

  it('http_proxy: every request goes through it, and the report is that of the file', async () => {
    const local = await imgopt(['analyze', fixturePath('debian-mini/debian-mini.qcow2'), '--json']);
    const before = nginx.log().length;
    const url = `${nginx.address}/mini.qcow2`;
    const { code, stdout, through } = await analyze(url, { http_proxy: address });
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Report).packages).toEqual((JSON.parse(local.stdout) as Report).packages);
    expect(through.length).toBeGreaterThan(1);
    expect(through.every((line) => line.startsWith(`GET ${url} `))).toBe(true);
    expect(nginx.log().length - before).toBe(through.length);
  });

  it('https_proxy: through a tunnel, with the certificate of the server itself', async () => {
    const url = `https://127.0.0.1:${sealedPort}/mini.qcow2`;
    const { code, through } = await analyze(url, { https_proxy: address, http_proxy: 'http://127.0.0.1:1' });
    expect(code).toBe(0);
    expect(new Set(through)).toEqual(new Set([`CONNECT 127.0.0.1:${sealedPort} HTTP/1.1`]));
    const wrong = await analyze(url, { https_proxy: address, NODE_EXTRA_CA_CERTS: '/dev/null' });
    expect(wrong).toMatchObject({ code: 4, stdout: expect.stringMatching(/IMGOPT_HTTP_.*(CERT|SIGNED)/) });
  });

  it('no_proxy: nothing goes through it', async () => {
    const { code, through } = await analyze(`${nginx.address}/mini.qcow2`, {
      ...{ all_proxy: address, no_proxy: '127.0.0.0/8' },
    });
    expect({ code, through }).toEqual({ code: 0, through: [] });
  });

  it.each([
    ['no password', () => `http://127.0.0.1:${proxy.port}`, 'HTTP_PROXY_UNAUTHORIZED'],
    ['nobody there', () => 'http://user:secret@127.0.0.1:1', 'HTTP_PROXY_UNREACHABLE'],
    ['no such host', () => 'http://user:secret@proxy.invalid:3128', 'HTTP_PROXY_UNREACHABLE'],
    ['SOCKS', () => 'socks5h://user:secret@127.0.0.1:1080', 'PROXY_KIND'],
  ])('%s is told, without the password', async (_, proxyAddress, codeOf) => {
    for (const url of [`${nginx.address}/mini.qcow2`, `https://127.0.0.1:${sealedPort}/mini.qcow2`]) {
      const { code, stdout, through } = await analyze(url, { all_proxy: proxyAddress() });
      expect(code).toBe(codeOf === 'PROXY_KIND' ? 3 : 4);
      expect(stdout).toContain(`"IMGOPT_${codeOf}"`);
      if (codeOf === 'HTTP_PROXY_UNAUTHORIZED') expect(through.length).toBeLessThanOrEqual(1);
    }
  });

  it('a wrong password is told, without it', async () => {
    const { code, stdout, through } = await analyze(`https://127.0.0.1:${sealedPort}/mini.qcow2`, {
      https_proxy: `http://user:other-secret@127.0.0.1:${proxy.port}`,
    });
    expect({ code, requests: through.length }).toEqual({ code: 4, requests: 1 });
    expect(stdout).toContain('"IMGOPT_HTTP_PROXY_UNAUTHORIZED"');
    expect(stdout).toContain(`127.0.0.1:${proxy.port}`);
  });

  describe('curl agrees about', () => {
    /** Whether curl asks the proxy. Hosts below .invalid exist nowhere (RFC 2606), and nobody listens on the addresses. */
    function curlUsesProxy(url: string, environment: Record<string, string>): Promise<boolean> {
      const before = proxy.requests().length;
      const env = { PATH: process.env.PATH, ...environment };
      return new Promise((resolve, reject) => {
        execFile(findTool('curl')!, ['-qsS', '-o', '/dev/null', '-m', '10', url], { env }, (error) => {
          const used = proxy.requests().length > before;
          const code = (error as { code?: number } | null)?.code ?? 0;
          // 5, 6, 7: proxy not resolved, host not resolved, not connected; 56: refused by the proxy.
          if (![0, 5, 6, 7, 28, 56].includes(code)) reject(new Error(`curl: ${code}`));
          else resolve(used);
        });
      });
    }

    it.each([
      ['http://a.invalid/', { http_proxy: 'P' }],
      ['http://a.invalid/', { https_proxy: 'P' }],
      ['https://a.invalid/', { https_proxy: 'P' }],
      ['https://a.invalid/', { HTTPS_PROXY: 'P' }],
      ['https://a.invalid/', { all_proxy: 'P' }],
      ['https://a.invalid/', { ALL_PROXY: 'P' }],
      ['http://a.invalid/', { http_proxy: 'BARE' }],
      ['http://a.invalid/', { all_proxy: 'P', no_proxy: '*' }],
      ['http://a.b.invalid/', { all_proxy: 'P', no_proxy: 'b.invalid' }],
      ['http://a.b.invalid/', { all_proxy: 'P', no_proxy: '.b.invalid' }],
      ['http://ab.invalid/', { all_proxy: 'P', no_proxy: 'b.invalid' }],
      ['http://b.invalid/', { all_proxy: 'P', no_proxy: 'x.invalid, b.invalid' }],
      ['http://b.invalid/', { all_proxy: 'P', NO_PROXY: 'B.INVALID' }],
      ['http://127.9.9.9:1/', { all_proxy: 'P', no_proxy: '127.9.0.0/16' }],
      ['http://127.9.9.9:1/', { all_proxy: 'P', no_proxy: '127.8.0.0/16' }],
      ['http://127.9.9.9:1/', { all_proxy: 'P', no_proxy: '127.9.9.9' }],
    ] as [string, Record<string, string>][])('%s with %j', async (url, given) => {
      const environment = Object.fromEntries(
        Object.entries(given).map(([key, value]) => [
          key,
          value === 'P' ? address : value === 'BARE' ? address.replace('http://', '') : value,
        ]),
      );
      expect(proxyFor(new URL(url), environment) !== undefined).toBe(await curlUsesProxy(url, environment));
    });
  });
});
