/** A real web server on loopback, with a configuration, files and port of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { findTool } from './tools.ts';

export interface Nginx {
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** What its access log holds: requests' ranges, status and bytes of bodies. */
  log(): { path: string; range: string; status: number; bytes: number; authorization: string }[];
  stop(): Promise<void>;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/**
 * @param folder where configuration and logs go
 * @param root the files that it serves
 * @param locations further blocks of its configuration
 */
export async function startNginx(folder: string, root: string, locations = ''): Promise<Nginx> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const log = join(folder, 'access.log');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join('\n');
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${user} daemon off; worker_processes 1; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')};
events { worker_connections 64; }
http {
  ${temporary}
  log_format ranges '$uri\\t$http_range\\t$status\\t$body_bytes_sent\\t$http_authorization';
  access_log ${log} ranges;
  keepalive_requests 100000;
  server { listen 127.0.0.1:${port}; root ${root}; ${locations} }
}`,
  );
  const nginx = spawn(findTool('nginx')!, ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: 'ignore',
  });
  const address = `http://127.0.0.1:${port}`;
  await answers(address, nginx);
  return {
    address,
    log: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\t') as [string, string, string, string, string])
        .map(([path, range, status, bytes, authorization]) => ({
          ...{ path, range, authorization },
          status: Number(status),
          bytes: Number(bytes),
        })),
    stop: () =>
      new Promise((resolve) => {
        if (nginx.exitCode !== null) return resolve();
        nginx.once('exit', () => resolve());
        nginx.kill('SIGQUIT');
      }),
  };
}

async function answers(address: string, nginx: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`);
    try {
      await (await fetch(`${address}/`)).arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50)); // not listening yet
    }
  }
  throw new Error('nginx does not answer');
}
