/**
 * Which proxy leads to an address, as curl reads it from the environment: `http_proxy`, `https_proxy`, `all_proxy` for
 * whatever has none of its own, `no_proxy` for what is asked directly. Lower case wins over upper case. As in Python,
 * and unlike in curl, HTTP_PROXY in upper case counts too, but where REQUEST_METHOD is set: in a CGI program it is a
 * header that whoever asks has set.
 *
 * Node has rules of its own (no `all_proxy`, no schemeless addresses, other ports, no subdomains in `no_proxy`), so it
 * is told the outcome only. User and password of a proxy are in its address: that is never shown, its host is.
 */
import { BlockList, isIP } from 'node:net';
import { ImgoptError, unsupported } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface WebProxy {
  /** For Node, with user and password in it. */
  readonly address: string;
  /** For messages: its host and port. */
  readonly shown: string;
}

/** curl's, for proxies that do not name one. */
const DEFAULT_PORT = '1080';

/**
 * @returns undefined for what is asked directly
 * @throws ImgoptError `usage` for a proxy's address that is none, `unsupported` for SOCKS
 */
export function proxyFor(url: URL, environment: Environment): WebProxy | undefined {
  const scheme = url.protocol.slice(0, -1);
  const isCgi = environment.REQUEST_METHOD !== undefined;
  const own = `${scheme}_proxy`;
  const names = [own, own.toUpperCase(), 'all_proxy', 'ALL_PROXY'];
  const variable = names.find((name) => environment[name] !== undefined && !(isCgi && name === 'HTTP_PROXY'));
  const text = variable === undefined ? '' : environment[variable]!.trim();
  // Set to nothing means none, not the next one.
  if (variable === undefined || text === '') return undefined;
  if (isExcepted(url, environment.no_proxy ?? environment.NO_PROXY ?? '')) return undefined;
  return parseProxy(text, variable);
}

function parseProxy(text: string, variable: string): WebProxy {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.parse(full);
  if (url === null || url.hostname === '') {
    throw new ImgoptError('usage', 'BAD_PROXY', `${variable} holds no address of a proxy`, {
      advice: 'write http://host:port',
    });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw unsupported(
      'PROXY_KIND',
      `${variable} names a proxy of the kind ${escapeName(url.protocol.slice(0, -1))}`,
      {
        advice: 'use an http or https proxy',
      },
    );
  }
  // A URL forgets the port that is its scheme's own.
  const authority = /^[^/]*\/\/([^/?#]*)/.exec(full)![1]!;
  const hasPort = /:\d+$/.test(authority.slice(authority.lastIndexOf('@') + 1));
  if (!hasPort && url.protocol === 'http:') url.port = DEFAULT_PORT;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const credentials = url.username === '' && url.password === '' ? '' : `${url.username}:${url.password}@`;
  return {
    address: `${url.protocol}//${credentials}${url.hostname}:${port}`,
    shown: escapeName(`${url.hostname}:${port}`),
  };
}

/** Whether `no_proxy` names the address: a host, whatever lies below it, an IP address or a block of them; or `*`. */
function isExcepted(url: URL, list: string): boolean {
  const host = url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '') return false;
      if (entry === '*') return true;
      if (isIP(host) !== 0) return isAddressIn(host, entry, port);
      const [name = '', only = port] = entry.split(':');
      const bare = name.replace(/^\*?\./, '').replace(/\.$/, '');
      return bare !== '' && only === port && (host === bare || host.endsWith(`.${bare}`));
    });
}

function isAddressIn(host: string, entry: string, port: string): boolean {
  const [, bracketed, only] = /^\[(.*)\](?::(\d+))?$/.exec(entry) ?? [];
  const withPort = /^(\d+\.\d+\.\d+\.\d+):(\d+)$/.exec(entry);
  const named = bracketed ?? withPort?.[1] ?? entry;
  if ((only ?? withPort?.[2] ?? port) !== port) return false;
  const [network = '', bits] = named.split('/');
  const version = isIP(network);
  if (version === 0 || version !== isIP(host)) return false;
  const most = version === 4 ? 32 : 128;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (prefix < 0 || prefix > most) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const block = new BlockList();
  block.addSubnet(network, prefix, family);
  return block.check(host, family);
}

/** Whether this Node's agents can speak to proxies: from 24.5 on, and 22.21. */
export function canUseProxies(version = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
}
