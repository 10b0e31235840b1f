/** Environment of Berkeley DB, and the database of before a conversion to SQLite. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { findPlaces, type Place } from '../path-rule.ts';

const FOLDERS = ['/var/lib/rpm', '/usr/lib/sysimage/rpm'];
const BERKELEY = [
  'Packages',
  'Name',
  'Basenames',
  'Group',
  'Requirename',
  'Providename',
  'Conflictname',
  'Obsoletename',
  'Triggername',
  'Dirnames',
  'Installtid',
  'Sigmd5',
  'Sha1header',
  'Filetriggername',
  'Transfiletriggername',
  'Recommendname',
  'Suggestname',
  'Supplementname',
  'Enhancename',
];

export const rpmDatabaseLeftovers: RemovalRule = {
  id: 'rpm-database-leftovers',
  title: 'Leftovers of rpm’s database',
  safety: 'safe',
  family: 'package caches',
  description:
    '__db.* of Berkeley DB, and the Berkeley tables that stayed beside rpmdb.sqlite after a conversion.',
  evaluate({ files, inspection }) {
    const places: Place[] = [];
    for (const folder of FOLDERS) {
      if (files.resolve(folder) < 0 || files.isDirectory(files.lookup(folder)) === false) continue;
      places.push({ patterns: [`${folder}/__db.*`], command: `rm -f ${folder}/__db.*` });
      if (files.resolve(`${folder}/rpmdb.sqlite`) < 0) continue;
      const patterns = BERKELEY.map((name) => `${folder}/${name}`);
      places.push({ patterns, command: `rm -f ${patterns.join(' ')}` });
    }
    return findPlaces(
      files,
      inspection.table,
      places,
      'rpm reads its SQLite database and makes its environment anew',
    );
  },
};
