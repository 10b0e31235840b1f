/** tar blocks by hand (POSIX.1-2017, "ustar Interchange Format"): for archives that no tool would write. */

export interface HeaderFields {
  readonly name?: string;
  readonly type?: string;
  /** Octal digits, or the field's bytes. */
  readonly size?: string | Uint8Array;
  readonly mode?: string;
  readonly uid?: string;
  readonly linkname?: string;
  readonly prefix?: string;
}

export function header({
  name = '',
  type = '0',
  size = '0',
  mode = '644',
  uid = '0',
  linkname = '',
  prefix = '',
}: HeaderFields): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100, 'latin1');
  block.write(mode, 100, 8);
  block.write(uid, 108, 8);
  block.write('0', 116, 8);
  if (typeof size === 'string') block.write(size, 124, 12);
  else block.set(size, 124);
  block.write('0', 136, 12);
  block.write('        ', 148);
  block.write(type, 156, 1);
  block.write(linkname, 157, 100, 'latin1');
  block.write('ustar\x0000', 257);
  block.write(prefix, 345, 155, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Header, content and padding; its size is the content's unless given. */
export function member(fields: HeaderFields, content = ''): Buffer {
  const bytes = Buffer.from(content, 'latin1');
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return Buffer.concat([header({ size: bytes.length.toString(8), ...fields }), bytes, padding]);
}

/** Two blocks of zeros. */
export function end(): Buffer {
  return Buffer.alloc(1024);
}

/** An extended header for the member that follows. */
export function pax(text: string): Buffer {
  return member({ name: 'PaxHeaders/x', type: 'x' }, text);
}

/** One record of it: its length counts itself. */
export function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}
