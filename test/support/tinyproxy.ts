/** A real proxy on loopback: plain requests and CONNECT, for whoever gives `user:secret`. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from './nginx.ts';
import { findTool } from './tools.ts';

export interface Tinyproxy {
  readonly port: number;
  /** Request lines that it was sent: `CONNECT host:443 HTTP/1.1`, `GET http://…`. */
  requests(): string[];
  stop(): Promise<void>;
}

/** @param folder where its configuration and log go */
export async function startTinyproxy(folder: string): Promise<Tinyproxy> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const log = join(folder, 'log');
  writeFileSync(
    join(folder, 'tinyproxy.conf'),
    [
      ...[`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 30', 'MaxClients 64', 'DisableViaHeader Yes'],
      ...[`LogFile "${log}"`, 'LogLevel Connect', `PidFile "${join(folder, 'pid')}"`],
      'BasicAuth user secret',
    ].join('\n'),
  );
  const child = spawn(findTool('tinyproxy')!, ['-d', '-c', join(folder, 'tinyproxy.conf')], {
    stdio: 'ignore',
  });
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) throw new Error(`tinyproxy ended with ${child.exitCode}`);
    if (await isListening(port)) break;
    if (tries === 100) throw new Error('tinyproxy does not listen');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    port,
    requests: () =>
      [...readFileSync(log, 'utf8').matchAll(/Request \(file descriptor \d+\): (.*)$/gm)].map(
        ([, line]) => line!,
      ),
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null) return resolve();
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
