// Addresses of the network: HOST:PORT as it is written, the interface that has an address, a port that is free.
import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { UserError, show } from '../../core/index.ts';

/** Where a connection goes to. */
export interface HostPort {
  /** A name or an IPv4 address. */
  host: string;
  /** 1–65535. */
  port: number;
}

/**
 * Reads HOST:PORT.
 * @param text - as it is written
 * @throws UserError `bad-input` for anything else
 */
export function parseHostPort(text: string): HostPort {
  const [, host, digits] = /^([\w.-]+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new UserError('bad-input', `--master: expected HOST:PORT, such as 10.0.0.1:29400, got ${show(text)}`);
  }
  return { host, port };
}

/**
 * The network interface that has an address.
 * @param address - IPv4
 * @returns its name, such as `eth0`; undefined where this machine does not have the address
 */
export function interfaceOf(address: string): string | undefined {
  return Object.entries(networkInterfaces()).find(([, own]) => own?.some((entry) => entry.address === address))?.[0];
}

/**
 * The address of this machine that a host stands for.
 * @param host - a name or an IPv4 address
 * @throws UserError `bad-input` where that is another machine's, or one that other machines do not reach
 */
export async function ownAddressOf(host: string): Promise<string> {
  const found = await lookup(host, { all: true, family: 4 }).catch(() => []);
  const addresses = found.map(({ address }) => address);
  // Many systems give their own name an address of the loopback interface; whoever writes one means it.
  const usable = addresses.filter((address) => address === host || !address.startsWith('127.'));
  const own = usable.find((address) => interfaceOf(address) !== undefined);
  if (own !== undefined) return own;
  const all = Object.values(networkInterfaces()).flatMap((some) => some ?? []);
  const names = all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
  const got = addresses[0] === undefined || addresses[0] === host ? host : `${host}, which is ${addresses.join(', ')}`;
  throw new UserError('bad-input', `--master: expected an IPv4 address of this machine, got ${got}`, {
    hint: names.length === 0 ? 'This machine has none.' : `It has ${names.join(', ')}.`,
  });
}

/**
 * A port that nobody listens on.
 * @param address - of this machine
 */
export async function freePort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
