/** What the decoding thread says, and the places of the counters that it waits on. */
export type Message =
  | { readonly kind: 'wants' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'failed'; readonly reason: string };

export const INPUT = 0;
export const OUTPUT_TAKEN = 1;
