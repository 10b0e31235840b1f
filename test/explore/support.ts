/** A small artifact to explore, without an image. */
import { treeOfInspection } from '../../src/analyzers/size-tree.ts';
import type { Report } from '../../src/core/contracts/report.ts';
import type { Model } from '../../src/explore/model.ts';
import { type Action, initialState, reduce, type State } from '../../src/explore/state.ts';
import { fakeInspection } from '../analyzers/fake.ts';
import { sampleReport } from '../reporters/sample.ts';

export const tree = treeOfInspection(
  fakeInspection([
    {
      mount: '/',
      files: [
        { path: '/usr/lib/big.so', size: 400_000 },
        { path: '/usr/lib/small.so', size: 4000 },
        { path: '/usr/bin/tool', size: 90_000 },
        { path: '/usr/bin/sparse', size: 9_000_000, allocated: 4096 },
        { path: '/var/log/syslog', size: 20_000 },
        { path: '/var/empty', type: 'directory' },
        { path: '/evil\u001b[2J\n\u202ename', size: 10_000 },
        { path: '/写真の名前はとても長いので画面に収まらないことがあります', size: 8000 },
      ],
    },
  ]),
);

export const report: Report = {
  ...sampleReport,
  suggestions: [
    { ...sampleReport.suggestions[0]!, title: 'Package indexes', safety: 'safe', reclaimable: 1000 },
    { ...sampleReport.suggestions[0]!, title: 'Compilers', safety: 'review', reclaimable: 900_000 },
    { ...sampleReport.suggestions[0]!, title: 'Logs', safety: 'safe', reclaimable: 30_000 },
  ],
};

export function modelWith(refusal: Model['refusal'] = () => null): Model {
  return { report, tree, refusal };
}

/** Plays actions one after the other from the beginning, on a terminal of this size. */
export function play(model: Model, actions: readonly Action[], columns = 80, rows = 24): State {
  return actions.reduce((state, action) => reduce(model, state, action), initialState(model, columns, rows));
}
