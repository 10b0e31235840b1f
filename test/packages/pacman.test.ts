import { describe, expect, it } from 'vitest';
import { pacmanPackages } from '../../src/packages/pacman/pacman.ts';
import { packageDatabaseContract, readPackages } from '../contract/packages.ts';
import { entryPaths, memoryRoot } from '../support/folder-root.ts';

const LOCAL = '/var/lib/pacman/local';

// As libalpm writes them: lib/libalpm/be_local.c, local_db_write.
const DESC = `%NAME%
alpha

%VERSION%
2:1.0-3

%BASE%
alphabase

%DESC%
A thing

%ARCH%
any

%INSTALLDATE%
1795467218

%SIZE%
12345

%GROUPS%
grp

%VALIDATION%
none

%REPLACES%
old

%DEPENDS%
beta>=1.0
libc.so=6-64

%OPTDEPENDS%
gamma: for more
delta>1: and that

%CONFLICTS%
evil<2

%PROVIDES%
virt=5
alpha-any

`;
const FILES = `%FILES%
etc/
etc/alpha.conf
usr/
usr/lib64/
usr/lib64/alpha

%BACKUP%
etc/alpha.conf\tb9a771b420047cfaa3543e66c78f44f6

`;
const BETA = '%NAME%\nbeta\n\n%VERSION%\n1.1-1\n\n%ARCH%\nx86_64\n\n%REASON%\n1\n\n';
const TREE = {
  [`${LOCAL}/ALPM_DB_VERSION`]: '9\n',
  [`${LOCAL}/alpha-2:1.0-3/desc`]: DESC,
  [`${LOCAL}/alpha-2:1.0-3/files`]: FILES,
  [`${LOCAL}/beta-1.1-1/desc`]: BETA,
  [`${LOCAL}/beta-1.1-1/files`]: '',
  '/etc/alpha.conf': 'x',
  '/etc/pacman.conf': '[options]\n#HoldPkg = alpha\nHoldPkg     = pacman beta\n',
  '/usr/lib/alpha': 'x',
  '/usr/lib64': { link: 'lib' },
};

packageDatabaseContract(pacmanPackages, () => [
  {
    name: 'two packages',
    files: TREE,
    database: Object.keys(TREE).filter((path) => path.startsWith(`${LOCAL}/`)),
    mutations: 200,
  },
]);

describe('pacman', () => {
  it('reads every field, and finds files through links of folders', async () => {
    const root = memoryRoot(TREE);
    const [alpha, beta] = (await readPackages(pacmanPackages, root)).packages;
    expect(alpha).toMatchObject({
      manager: 'pacman',
      name: 'alpha',
      version: '2:1.0-3',
      architecture: 'any',
      installedSize: 12345,
      automatic: false,
      essential: false,
      section: 'grp',
      source: 'alphabase',
      installTime: 1795467218,
      requires: [['beta'], ['libc.so']],
      provides: ['virt', 'alpha-any'],
      dependencies: {
        requires: [
          [{ name: 'beta', relation: '>=', version: '1.0' }],
          [{ name: 'libc.so', version: '6-64' }],
        ],
        suggests: [[{ name: 'gamma', relation: null }], [{ name: 'delta', relation: '>', version: '1' }]],
        conflicts: [{ name: 'evil', relation: '<', version: '2' }],
      },
    });
    expect(entryPaths(root, alpha!.entries)).toEqual([
      '/etc',
      '/etc/alpha.conf',
      '/usr',
      '/usr/lib/alpha',
      '/usr/lib64',
    ]);
    expect(beta).toMatchObject({ automatic: true, essential: true, installedSize: 0, source: null });
    expect(beta).not.toHaveProperty('installTime');
  });

  it('reports a folder without a package', async () => {
    const { packages, codes } = await readPackages(
      pacmanPackages,
      memoryRoot({ ...TREE, [`${LOCAL}/broken-1/files`]: FILES }),
    );
    expect(packages).toHaveLength(2);
    expect(codes).toEqual(['IMGOPT_PACMAN_PACKAGE']);
  });
});
