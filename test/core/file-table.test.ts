import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FILE_FLAG, FILE_TYPE, FileTableBuilder } from '../../src/core/file-table.ts';

const text = (name: string): Uint8Array => new TextEncoder().encode(name);

function directory(builder: FileTableBuilder, parent: number, name: string): number {
  const entry = builder.add(parent, text(name));
  builder.set(entry, FILE_TYPE.directory, 0o755, 0, 0, 2, 4096, 4096, entry + 2, 0);
  return entry;
}

describe('FileTable', () => {
  it('finds every child by name and knows its path', () => {
    const builder = new FileTableBuilder(1);
    builder.beginSection();
    const root = directory(builder, -1, '');
    const etc = directory(builder, root, 'etc');
    const fstab = builder.add(etc, text('fstab'));
    builder.set(fstab, FILE_TYPE.file, 0o644, 0, 0, 1, 100, 4096, 12, 0);
    const umlaut = builder.add(root, text('größe'));
    const table = builder.build();
    expect(table.child(root, 'etc')).toBe(etc);
    expect(table.child(etc, 'fstab')).toBe(fstab);
    expect(table.child(root, 'fstab')).toBe(-1);
    expect(table.child(root, text('größe'))).toBe(umlaut);
    expect(table.path(fstab)).toBe('/etc/fstab');
    expect(table.path(root)).toBe('/');
    expect([...table.children(root)]).toEqual([etc, umlaut]);
  });

  it('takes parents later, and walks children before their directory', () => {
    const builder = new FileTableBuilder();
    builder.beginSection();
    const root = directory(builder, -1, '');
    const deep = builder.add(-1, text('deep'));
    const middle = directory(builder, -1, 'middle');
    builder.setParent(deep, middle);
    builder.setParent(middle, root);
    const table = builder.build();
    expect(table.path(deep)).toBe('/middle/deep');
    expect([...table.childrenFirst()]).toEqual([deep, middle, root]);
    expect(table.detachedCount).toBe(0);
  });

  it('cuts off circles, orphans and children of files, and follows none of them', () => {
    const builder = new FileTableBuilder();
    builder.beginSection();
    const root = directory(builder, -1, '');
    const a = directory(builder, -1, 'a');
    const b = directory(builder, a, 'b');
    builder.setParent(a, b); // a circle
    const orphan = builder.add(999, text('orphan'));
    const file = builder.add(root, text('file'));
    const underFile = builder.add(file, text('under'));
    const self = directory(builder, -1, 'self');
    builder.setParent(self, self);
    const table = builder.build();
    expect(table.detachedCount).toBe(5);
    for (const entry of [a, b, orphan, underFile, self]) {
      expect(table.flags[entry]! & FILE_FLAG.detached).toBe(FILE_FLAG.detached);
      expect(table.isCounted(entry)).toBe(false);
    }
    expect([...table.childrenFirst()].sort()).toEqual([root, file].sort());
  });

  it('keeps sections apart', () => {
    const builder = new FileTableBuilder();
    builder.beginSection();
    const first = directory(builder, -1, '');
    builder.add(first, text('x'));
    builder.beginSection();
    const second = directory(builder, -1, '');
    const inner = builder.add(second, text('x'));
    const table = builder.build();
    expect(table.sections).toEqual([
      { first: 0, end: 2 },
      { first: 2, end: 4 },
    ]);
    expect(table.sectionOf(inner)).toBe(1);
    expect(table.child(second, 'x')).toBe(inner);
  });

  it('grows without losing anything, for random trees', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 300 }), (choices) => {
        const builder = new FileTableBuilder(1);
        builder.beginSection();
        const paths = ['/'];
        directory(builder, -1, '');
        for (const [i, choice] of choices.entries()) {
          const parent = choice % paths.length;
          const entry = directory(builder, parent, `n${i}`);
          paths[entry] = `${paths[parent] === '/' ? '' : paths[parent]}/n${i}`;
        }
        const table = builder.build();
        expect(table.count).toBe(paths.length);
        for (let entry = 0; entry < table.count; entry++) expect(table.path(entry)).toBe(paths[entry]);
        const seen = new Set<number>();
        for (const entry of table.childrenFirst()) {
          for (const child of table.children(entry)) expect(seen.has(child)).toBe(true);
          seen.add(entry);
        }
        expect(seen.size).toBe(table.count);
      }),
      { numRuns: 30 },
    );
  });
});
