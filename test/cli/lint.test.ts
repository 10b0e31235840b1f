import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lintReportSchema } from '../../src/templates/lint-schema.ts';
import { imgopt } from '../support/cli.ts';
import { temporaryFolder } from '../support/temp.ts';

const folder = temporaryFolder();
let count = 0;

/** A folder with these files. */
function project(files: Record<string, string>): string {
  const made = join(folder, `p${++count}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(made, name, '..'), { recursive: true });
    writeFileSync(join(made, name), text);
  }
  return made;
}

const BAD =
  '#!/bin/sh -e\ndpkg --list | grep linux-headers || true | xargs apt-get -y purge\napt-get install -y jq\n';

describe('imgopt lint', () => {
  it('prints findings by file and exits 1', async () => {
    const cwd = project({ 'setup.sh': BAD });
    const { code, stdout, stderr } = await imgopt(['lint', 'setup.sh'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toBe('');
    expect(stdout.split('\n')[0]).toBe('setup.sh');
    expect(stdout).toMatch(/^ {2}2:15 {2}error {4}the pipe after '\|\| true' /m);
    expect(stdout).toMatch(/^1 error, 1 note in 1 file; --fix can fix 2$/m);
  });

  it('exits 0 for what is below --fail-on, and lets imgopt.yml say so', async () => {
    const cwd = project({ 'setup.sh': '#!/bin/sh -e\napt-get install -y jq\n' });
    expect((await imgopt(['lint', '.'], { cwd })).code).toBe(0);
    expect((await imgopt(['lint', '.', '--fail-on', 'info'], { cwd })).code).toBe(1);
    writeFileSync(join(cwd, 'imgopt.yml'), 'lint:\n  fail-on: info\n');
    expect((await imgopt(['lint', '.'], { cwd })).code).toBe(1);
    expect((await imgopt(['lint', '.', '--fail-on', 'never'], { cwd })).code).toBe(0);
    writeFileSync(join(cwd, 'imgopt.yml'), 'lint:\n  rules:\n    apt-recommends: error\n');
    expect((await imgopt(['lint', '.'], { cwd })).stdout).toContain('1 error');
    writeFileSync(join(cwd, 'imgopt.yml'), 'lint:\n  rules:\n    apt-recommends: off\n');
    expect((await imgopt(['lint', '.'], { cwd })).stdout).toBe('nothing found in 1 file\n');
    writeFileSync(join(cwd, 'imgopt.yml'), 'lint:\n  rules:\n    apt-recommend: off\n');
    const wrong = await imgopt(['lint', '.'], { cwd });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('imgopt.yml:3:5');
  });

  it('prints a document of its schema with --json, the same every time', async () => {
    const cwd = project({ 'setup.sh': BAD });
    const { code, stdout } = await imgopt(['lint', '.', '--json'], { cwd });
    expect(code).toBe(1);
    const report = lintReportSchema.parse(JSON.parse(stdout));
    expect(report.totals).toEqual({ files: 1, templates: 0, errors: 1, warnings: 0, infos: 1, ignored: 0 });
    expect(report.findings[0]).toMatchObject({
      rule: 'or-true-pipe',
      path: 'setup.sh',
      line: 2,
      column: 15,
      fixable: true,
    });
    expect((await imgopt(['lint', '.', '--json'], { cwd })).stdout).toBe(stdout);
  });

  it('writes SARIF, annotations and checkstyle', async () => {
    const cwd = project({ 'set up.sh': BAD });
    const { code } = await imgopt(
      [
        'lint',
        '.',
        '--format',
        'sarif',
        '--output',
        'a.sarif',
        '--format',
        'checkstyle',
        '--output',
        'a.xml',
        '--format',
        'github',
        '--output',
        'a.txt',
      ],
      { cwd },
    );
    expect(code).toBe(1);
    const [run] = JSON.parse(readFileSync(join(cwd, 'a.sarif'), 'utf8')).runs;
    expect(run.results.map((one: { ruleId: string; level: string }) => [one.ruleId, one.level])).toEqual([
      ['or-true-pipe', 'error'],
      ['apt-recommends', 'note'],
    ]);
    const [{ physicalLocation }] = run.results[0].locations;
    expect(physicalLocation).toEqual({
      artifactLocation: { uri: 'set%20up.sh' },
      region: { startLine: 2, startColumn: 15 },
    });
    expect(readFileSync(join(cwd, 'a.xml'), 'utf8')).toContain('<error line="3" column="1" severity="info"');
    expect(readFileSync(join(cwd, 'a.txt'), 'utf8')).toMatch(
      /^::error file=set up\.sh,line=2,col=15,title=[^\n]*::/m,
    );
    expect(readFileSync(join(cwd, 'a.txt'), 'utf8')).toMatch(/^::notice file=set up\.sh,line=3,/m);
    expect((await imgopt(['lint', '.', '--format', 'sarif', '--output', 'a.sarif'], { cwd })).code).toBe(4);
  });

  it('prints a diff and changes nothing, fixes and tells what is left', async () => {
    const cwd = project({ 'setup.sh': `${BAD}curl -fsSL https://example.com/x | sh\n` });
    chmodSync(join(cwd, 'setup.sh'), 0o750);
    symlinkSync('setup.sh', join(cwd, 'link.sh'));
    const diff = await imgopt(['lint', 'link.sh', '--diff'], { cwd });
    expect(diff.stdout).toBe(
      [
        '--- a/link.sh',
        '+++ b/link.sh',
        '@@ -1,4 +1,4 @@',
        ' #!/bin/sh -e',
        '-dpkg --list | grep linux-headers || true | xargs apt-get -y purge',
        '+dpkg --list | { grep linux-headers || true; } | xargs apt-get -y purge',
        '-apt-get install -y jq',
        '+apt-get install --no-install-recommends -y jq',
        ' curl -fsSL https://example.com/x | sh',
        '',
      ].join('\n'),
    );
    expect(readFileSync(join(cwd, 'setup.sh'), 'utf8')).toContain(BAD);
    const fix = await imgopt(['lint', 'link.sh', '--fix'], { cwd });
    expect(fix.stderr).toBe('fixed 2 findings in link.sh\n');
    expect(fix.stdout).toContain('1 warning in 1 file\n');
    expect(fix.code).toBe(1);
    expect(statSync(join(cwd, 'setup.sh')).mode & 0o777).toBe(0o750);
    expect(lstatSync(join(cwd, 'link.sh')).isSymbolicLink()).toBe(true);
    expect(readFileSync(join(cwd, 'setup.sh'), 'utf8')).toContain('{ grep linux-headers || true; }');
    expect((await imgopt(['lint', 'link.sh', '--diff'], { cwd })).stdout).toBe('');
  });

  it('goes on past files that cannot be read, and exits 3', async () => {
    const cwd = project({
      'a/broken.pkr.hcl': 'source "qemu" "x" {\n  iso_url = "x.iso\n}\n',
      'b/bad.json': '{\n  "builders": [],\n  "provisioners": [,]\n}\n',
      'c/setup.sh': BAD,
      'd/binary.sh': '#!/bin/sh\n\0\u0001',
      'e/large.sh': `#!/bin/sh -e\n${'# padding\n'.repeat(300_000)}`,
    });
    const { code, stdout, stderr } = await imgopt(
      ['lint', 'a', 'b', 'c/setup.sh', 'd/binary.sh', 'e/large.sh', 'f/none.sh'],
      { cwd },
    );
    expect(code).toBe(3);
    expect(stdout).toContain('or-true-pipe');
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(stderr).toMatch(/IMGOPT_TEMPLATE_SYNTAX: a\/broken\.pkr\.hcl:2:13: what begins here does not end/);
    expect(stderr).toMatch(/IMGOPT_TEMPLATE_SYNTAX: b\/bad\.json:3:20: expected a value, but found ","/);
    expect(stderr).toMatch(/IMGOPT_LINT_BINARY: d\/binary\.sh: /);
    expect(stderr).toMatch(/IMGOPT_LINT_TOO_LARGE: e\/large\.sh: /);
    expect(stderr).toMatch(/IMGOPT_NOT_FOUND: f\/none\.sh: /);
  });

  it('reads what is no UTF-8, and follows no circle of links', async () => {
    const cwd = project({ 'a/b/setup.sh': BAD });
    writeFileSync(
      join(cwd, 'a/latin.sh'),
      Buffer.from(`#!/bin/sh -e\n# f\xfcr alle\n${BAD.slice(13)}`, 'latin1'),
    );
    symlinkSync('..', join(cwd, 'a/b/up'));
    symlinkSync('loop.sh', join(cwd, 'a/loop.sh'));
    const { code, stdout } = await imgopt(['lint', 'a', '--json'], { cwd });
    expect(code).toBe(3);
    const report = lintReportSchema.parse(JSON.parse(stdout));
    expect(report.findings.map((one) => `${one.path} ${one.rule}`)).toEqual([
      'a/b/setup.sh or-true-pipe',
      'a/b/setup.sh apt-recommends',
      'a/latin.sh or-true-pipe',
      'a/latin.sh apt-recommends',
    ]);
    expect(report.diagnostics.map((one) => one.code)).toEqual([
      'IMGOPT_LINT_NOT_UTF8',
      'IMGOPT_LINT_LINK_LOOP',
    ]);
  });

  it('is used wrongly: no path, nothing to lint, an unknown rule', async () => {
    const cwd = project({ 'README.md': '# nothing\n' });
    expect((await imgopt(['lint'], { cwd })).code).toBe(2);
    const nothing = await imgopt(['lint', '.'], { cwd });
    expect(nothing.code).toBe(2);
    expect(nothing.stderr).toContain('IMGOPT_LINT_NOTHING');
    const rule = await imgopt(['lint', '.', '--rule', 'or-true-pip'], { cwd });
    expect(rule.code).toBe(2);
    expect(rule.stderr).toContain("did you mean 'or-true-pipe'?");
    expect((await imgopt(['lint', 'README.md'], { cwd })).code).toBe(3);
  });

  it('takes comments, and says when they name no rule', async () => {
    const cwd = project({
      'setup.sh':
        '#!/bin/sh -e\n# imgopt ignore=apt-recommends\napt-get install -y jq\napt-get install -y vim # imgopt ignore=apt-recommends,no-such-rule\napt-get install -y nano\n',
    });
    const { stdout, stderr } = await imgopt(['lint', '.'], { cwd });
    expect(stdout).toContain('5:1');
    expect(stdout).toContain('1 note in 1 file, 2 ignored by comments');
    expect(stderr).toContain('setup.sh:4:24: ignores no-such-rule, which is no rule');
  });
});
