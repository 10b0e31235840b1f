import { defineConfig } from 'vitest/config';

/**
 * Three suites. `unit` needs nothing but Node and the fixtures; `differential` holds us against other tools (a
 * missing one skips by name, and fails under CI); `fuzz` mutates the fixtures from fixed seeds.
 * `npm test` runs unit and fuzz, `npm run test:differential` the other.
 */
const common = { testTimeout: 60_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts', 'plugins/*/test/**/*.test.ts'],
          exclude: ['test/differential/**', 'test/fuzz/**', 'test/slow/**'],
        },
      },
      {
        test: {
          ...common,
          name: 'differential',
          include: ['test/differential/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 300_000,
        },
      },
      { test: { ...common, name: 'fuzz', include: ['test/fuzz/**/*.test.ts'], testTimeout: 600_000 } },
      {
        // Hours rather than minutes: boots whole systems, builds full images. Nightly, and before a release.
        test: {
          ...common,
          name: 'slow',
          include: ['test/slow/**/*.test.ts'],
          testTimeout: 3_600_000,
          hookTimeout: 3_600_000,
        },
      },
    ],
  },
});
