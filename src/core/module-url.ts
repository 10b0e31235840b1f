/**
 * Where a module of ours lies as a file: for worker threads, which are started from one. Commands run from a bundle
 * (scripts/bundle.ts), where `import.meta.url` says nothing about its neighbours; workers start from the compiled
 * modules beside it, and under tests from the sources.
 */

/** @param path below src/, without its ending: `compressors/worker` */
export function moduleUrl(path: string): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL(`../${path}.ts`, here);
  const folder = '/dist/';
  return new URL(`${here.slice(0, here.lastIndexOf(folder) + folder.length)}${path}.js`);
}

/**
 * Where a file lies that the build makes beside the modules.
 * @param path below dist/
 */
export function builtFileUrl(path: string): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL(`../../dist/${path}`, here);
  const folder = '/dist/';
  return new URL(`${here.slice(0, here.lastIndexOf(folder) + folder.length)}${path}`);
}
