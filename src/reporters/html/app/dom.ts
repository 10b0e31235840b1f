/**
 * Elements from code. Text is only ever set as text, so what a name from inside an image holds is never markup.
 */

type Child = Node | string | null | undefined | false;

interface Properties {
  class?: string;
  /** Attributes and ARIA, as they stand in HTML; false and undefined leave one out. */
  attributes?: Record<string, string | number | boolean | undefined>;
  style?: Partial<Record<string, string>>;
  on?: { [Type in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Type]) => void };
}

/** A new element; styles go through the object model, which the page's policy allows. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (properties.class !== undefined) made.className = properties.class;
  for (const [name, value] of Object.entries(properties.attributes ?? {})) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [name, value] of Object.entries(properties.style ?? {})) {
    if (value !== undefined) made.style.setProperty(name, value);
  }
  for (const [type, listener] of Object.entries(properties.on ?? {})) {
    made.addEventListener(type, listener as EventListener);
  }
  add(made, children);
  return made;
}

function add(parent: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) parent.append(child);
  }
}

/** In place of all that the element holds. */
export function fill(parent: Element, ...children: readonly Child[]): void {
  parent.replaceChildren();
  add(parent, children);
}

/** A command's or a whole script's text to the clipboard; the button says what came of it. */
export function copyButton(text: string, label: string, announce: (what: string) => void): HTMLButtonElement {
  const caption = element('span', {}, label);
  const button = element('button', { class: 'copy', attributes: { type: 'button' } }, caption);
  button.addEventListener('click', async () => {
    const isCopied = await copy(text);
    caption.textContent = isCopied ? 'Copied' : 'Press Ctrl+C';
    announce(isCopied ? 'Copied to the clipboard' : 'Could not copy: the text is selected, press Ctrl+C');
    setTimeout(() => {
      caption.textContent = label;
    }, 2000);
  });
  return button;
}

/** Browsers give the clipboard only to pages of a secure origin; a saved file often is none. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyFromField(text);
  }
}

function copyFromField(text: string): boolean {
  const focused = document.activeElement;
  const field = element('textarea', {
    class: 'offscreen',
    attributes: { readonly: true, 'aria-hidden': 'true' },
  });
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  if (isCopied) {
    field.remove();
    if (focused instanceof HTMLElement) focused.focus();
  } else {
    field.addEventListener('blur', () => field.remove(), { once: true });
  }
  return isCopied;
}
