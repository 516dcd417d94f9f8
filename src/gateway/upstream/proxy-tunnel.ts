import { lookup } from 'node:dns/promises';
import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import type { Secret } from '../../core/secret.ts';
import { type ConnectionError, hangUp } from './connection-error.ts';

/** Where a tunnel leads: a name or an address without brackets, which the proxy gets as it is. */
export interface TunnelEnd {
  readonly host: string;
  readonly port: number;
}

const MAX_HEAD_BYTES = 64 << 10;
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const SOCKS_PORT = 1080;

/**
 * A connection through a proxy: `CONNECT` of HTTP (RFC 9110, section 9.3.6) over TCP or TLS, SOCKS5 (RFC 1928, 1929),
 * SOCKS4 and 4a. Names are resolved by the proxy, but for SOCKS4, which knows addresses only. Rejects when the proxy
 * cannot be reached, refuses, or `signal` is aborted; the socket is closed then. What an error says of the proxy is its
 * host and port, never its credentials.
 */
export async function openTunnel(proxy: Secret, to: TunnelEnd, signal: AbortSignal): Promise<Socket> {
  const url = new URL(proxy.reveal());
  const { protocol } = url;
  if (!/^(https?|socks5h?|socks4a?):$/.test(protocol)) throw new Error(`${protocol} is not a kind of proxy`);
  signal.throwIfAborted();
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (DEFAULT_PORTS[protocol] ?? SOCKS_PORT);
  const socket = connect(protocol === 'https:', host, port);
  const talk = new Handshake(socket, signal);
  try {
    await talk.connected(protocol === 'https:' ? 'secureConnect' : 'connect');
    if (protocol.startsWith('http')) await askHttp(talk, url, to);
    else if (protocol.startsWith('socks5')) await askSocks5(talk, url, to);
    else await askSocks4(talk, url, to);
    talk.hand();
    return socket;
  } catch (thrown) {
    talk.end();
    throw Object.assign(thrown as ConnectionError, { at: `its proxy ${url.host || host}` });
  }
}

function connect(secure: boolean, host: string, port: number): Socket {
  const socket = secure
    ? tls.connect({ host, port, ALPNProtocols: ['http/1.1'], ...(net.isIP(host) === 0 && { servername: host }) })
    : net.connect({ host, port });
  return socket.setNoDelay(true);
}

async function askHttp(talk: Handshake, url: URL, { host, port }: TunnelEnd): Promise<void> {
  const authority = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
  const login = url.username === '' && url.password === '' ? undefined : `${userOf(url)}:${passwordOf(url)}`;
  const credentials =
    login === undefined ? '' : `proxy-authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`;
  talk.write(Buffer.from(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n${credentials}\r\n`, 'latin1'));
  const head = await talk.until('\r\n\r\n');
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1'))?.[1];
  if (status === undefined) throw new Error('it did not answer in HTTP');
  if (!status.startsWith('2')) throw new Error(`it refused the connection with status ${status}`);
}

const SOCKS5_REFUSALS: Readonly<Record<number, string>> = {
  1: 'it failed',
  2: 'its rules forbid this connection',
  3: 'the network cannot be reached from there',
  4: 'the host cannot be reached from there',
  5: 'nothing listens there',
  6: 'the connection took too long',
};
const NO_LOGIN = 0;
const WITH_LOGIN = 2;

async function askSocks5(talk: Handshake, url: URL, { host, port }: TunnelEnd): Promise<void> {
  const user = Buffer.from(userOf(url));
  const password = Buffer.from(passwordOf(url));
  const hasLogin = user.length > 0 || password.length > 0;
  talk.write(Buffer.from(hasLogin ? [5, 2, NO_LOGIN, WITH_LOGIN] : [5, 1, NO_LOGIN]));
  const [version, method] = await talk.exactly(2);
  if (version !== 5) throw new Error('it does not speak SOCKS5');
  if (method === WITH_LOGIN && hasLogin) {
    if (user.length > 255 || password.length > 255) throw new Error('its user name or password is too long');
    talk.write(Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([password.length]), password]));
    const answer = await talk.exactly(2);
    if (answer[1] !== 0) throw new Error('it refused its user name and password');
  } else if (method !== NO_LOGIN) throw new Error(hasLogin ? 'it takes no password' : 'it wants a user name');
  talk.write(Buffer.concat([Buffer.from([5, 1, 0]), socks5Address(host), portBytes(port)]));
  const [, reply = 1, , kind] = await talk.exactly(4);
  if (reply !== 0) throw new Error(`it refused the connection: ${SOCKS5_REFUSALS[reply] ?? `code ${reply}`}`);
  const length = kind === 1 ? 4 : kind === 4 ? 16 : ((await talk.exactly(1))[0] as number);
  await talk.exactly(length + 2);
}

function socks5Address(host: string): Buffer {
  const family = net.isIP(host);
  if (family === 4) return Buffer.from([1, ...host.split('.').map(Number)]);
  if (family === 6) return Buffer.from([4, ...bytesOfIpv6(host)]);
  const name = nameBytes(host);
  return Buffer.concat([Buffer.from([3, name.length]), name]);
}

async function askSocks4(talk: Handshake, url: URL, { host, port }: TunnelEnd): Promise<void> {
  const asName = url.protocol === 'socks4a:' && net.isIP(host) === 0;
  const address = asName || net.isIP(host) !== 0 ? host : (await lookup(host, { family: 4 })).address;
  if (!asName && !net.isIPv4(address)) throw new Error('SOCKS4 has no addresses of IPv6');
  const user = Buffer.from(userOf(url));
  if (user.includes(0)) throw new Error('its user name holds a character that it cannot');
  // An address that is none says that a name follows.
  const destination = Buffer.from(asName ? [0, 0, 0, 1] : address.split('.').map(Number));
  const end = Buffer.from([0]);
  const name = asName ? Buffer.concat([nameBytes(host), end]) : Buffer.alloc(0);
  talk.write(Buffer.concat([Buffer.from([4, 1]), portBytes(port), destination, user, end, name]));
  const [version, reply] = await talk.exactly(8);
  if (version !== 0) throw new Error('it does not speak SOCKS4');
  if (reply !== 90) throw new Error(`it refused the connection: code ${reply}`);
}

function nameBytes(host: string): Buffer {
  const name = Buffer.from(host, 'latin1');
  if (name.length === 0 || name.length > 255 || name.includes(0)) throw new Error('the name of the host is too long');
  return name;
}

function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff]);
}

/** The sixteen bytes of an address, which the URL parser has brought into its one form. */
function bytesOfIpv6(address: string): number[] {
  const plain = new URL(`http://[${address.split('%', 1)[0]}]`).hostname.slice(1, -1);
  const [before = '', after] = plain.split('::');
  const groupsOf = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const [first, last] = [groupsOf(before), groupsOf(after ?? '')];
  const groups = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}

function userOf(url: URL): string {
  return decodeURIComponent(url.username);
}

function passwordOf(url: URL): string {
  return decodeURIComponent(url.password);
}

/** The talk with a proxy before the connection is another's. */
class Handshake {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  readonly #onAbort = () => this.#fail(this.#signal.reason as Error);
  readonly #onData = (chunk: Buffer) => {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#advance();
  };
  readonly #onError = (error: Error) => this.#fail(error);
  readonly #onClose = () => this.#fail(hangUp());
  #received: Buffer = Buffer.alloc(0);
  #error: Error | undefined;
  #waiting: { enough(): boolean; resolve(): void; reject(error: Error): void } | undefined;

  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    socket.on('data', this.#onData).on('error', this.#onError).on('end', this.#onClose).on('close', this.#onClose);
  }

  async connected(event: 'connect' | 'secureConnect'): Promise<void> {
    let open = false;
    this.#socket.once(event, () => {
      open = true;
      this.#advance();
    });
    await this.#until(() => open);
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  async exactly(count: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= count);
    return this.#take(count);
  }

  /** Up to the end of the mark. */
  async until(mark: string): Promise<Buffer> {
    await this.#until(() => {
      if (this.#received.includes(mark)) return true;
      if (this.#received.length > MAX_HEAD_BYTES) throw new Error('its answer has no end');
      return false;
    });
    return this.#take(this.#received.indexOf(mark) + mark.length);
  }

  /** Lets go of the socket; what came after the proxy's answer is there to be read. */
  hand(): void {
    this.#socket.pause();
    this.#leave();
    if (this.#received.length > 0) this.#socket.unshift(this.#received);
  }

  end(): void {
    this.#leave();
    this.#socket.on('error', () => {});
    this.#socket.destroy();
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  #until(enough: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { enough, resolve, reject };
      this.#advance();
    });
  }

  #advance(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    try {
      if (waiting.enough()) {
        this.#waiting = undefined;
        waiting.resolve();
      } else if (this.#error) this.#fail(this.#error);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#error ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(error);
  }

  #leave(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    const socket = this.#socket;
    socket.off('data', this.#onData).off('error', this.#onError).off('end', this.#onClose).off('close', this.#onClose);
  }
}
