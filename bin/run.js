#!/usr/bin/env node
// Checks what must hold before any other module loads, then hands over. Nothing here may need a newer Node than
// the oldest one that a user could start it with, so that the refusal is one line and not a stack trace.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `imgopt: IMGOPT_NODE_TOO_OLD: needs Node.js 22.15 or newer, this is ${process.versions.node}; ` +
      'install it from https://nodejs.org or with your version manager (in a clone, npm run imgopt uses the pinned one)\n',
  );
  process.exit(2);
}

const { availableParallelism } = await import('node:os');
// libuv sizes its pool at first use: reads and one-shot compression run there, four are too few on larger machines.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));
// Compiled code of our own and of oclif is kept between runs; saves about a third of the start-up time.
(await import('node:module')).enableCompileCache?.();

const { main } = await import('../dist/bundle/cli/main.js');
await main(import.meta.url);
