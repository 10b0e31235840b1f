/** What the report's sections have in common. */
import { element } from './dom.ts';
import { formatSize } from './format.ts';

/** A card with a heading that links can point at. */
export function section(id: string, title: string, note: string, ...content: (Node | null)[]): HTMLElement {
  return element(
    'section',
    { class: 'card', attributes: { id, 'aria-labelledby': `${id}-title` } },
    element(
      'div',
      { class: 'heading' },
      element('h2', { attributes: { id: `${id}-title` } }, title),
      note === '' ? null : element('p', { class: 'quiet' }, note),
    ),
    ...content,
  );
}

/** A size, or that nobody knows it. */
export const sizeOrDash = (bytes: number | null): string => (bytes === null ? '–' : formatSize(bytes));
