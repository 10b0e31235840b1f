/** What CI systems tell a job by environment variables. */

/** The commit that is built; null when nobody says. */
export function builtCommit(): string | null {
  return process.env.GITHUB_SHA || process.env.CI_COMMIT_SHA || null;
}

/** The file that a GitHub Actions step adds its summary to; undefined elsewhere. */
export function stepSummaryFile(): string | undefined {
  return process.env.GITHUB_STEP_SUMMARY || undefined;
}
