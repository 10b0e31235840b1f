/** Everything that a driver, a plugin or an analyzer implements or is given: types only. */
export type * from './compressor.ts';
export type * from './context.ts';
export type * from './disk.ts';
export type * from './filesystem.ts';
export type * from './inspection.ts';
export type * from './package.ts';
export type * from './registry.ts';
export type * from './report.ts';
export type * from './reporter.ts';
export type * from './rule.ts';
export type * from './source.ts';
export type * from './writer.ts';
