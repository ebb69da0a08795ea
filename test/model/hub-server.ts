// A small hub on localhost: the protocol that `models pull` speaks, with faults on demand.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with one request for content. */
export interface Fault {
  /** Answer with this status, and these headers. */
  status?: number;
  headers?: Record<string, string>;
  /** Break the connection after so many bytes of the answer. */
  breakAfter?: number;
  /** End the answer, as if it were whole, after so many bytes. */
  endAfter?: number;
  /** Send so many bytes more than there are. */
  extra?: number;
  /** Change the byte at this place of the file. */
  flip?: number;
  /** Send the whole file, whatever part was asked for. */
  ignoreRange?: boolean;
  /** Send a part that begins so many bytes off. */
  shiftRange?: number;
  /** Say and do nothing any more after `breakAfter` bytes. */
  stall?: boolean;
  /** Milliseconds before the answer, and after each 64 KiB of it. */
  slowMs?: number;
}

export interface HubRequest {
  /** Which server was asked: the hub, or where its large files lie. */
  server: 'hub' | 'store';
  path: string;
  authorization: string | undefined;
  range: string | undefined;
}

export interface HubRepo {
  commit: string;
  /** Content by name; a name in `lfs` is redirected to the store. */
  files: Map<string, Buffer>;
  lfs: Set<string>;
  /** Branches and tags other than main, all the same commit. */
  revisions: string[];
  /** Token that the listing needs. */
  token?: string;
  /** Token that content needs, with the hub's error code. */
  gated?: string;
  /** Changes the listing before it is sent. */
  lie?: (listing: Listing) => unknown;
}

export interface Listing {
  sha: string;
  siblings: { rfilename: string; size?: number; blobId?: string; lfs?: { sha256: string; size: number } }[];
}

export interface TestHub {
  endpoint: string;
  repos: Map<string, HubRepo>;
  /** All requests, in order. */
  requests: HubRequest[];
  /** Faults of the next requests for a file's content, by its name. */
  faults: Map<string, Fault[]>;
  /** Statuses of the next requests for listings. */
  listingFaults: { status: number; headers?: Record<string, string> }[];
  close: () => Promise<void>;
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
export const gitHash = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** A repo of the given files; `.safetensors` files lie in the store. */
export function hubRepo(files: Readonly<Record<string, string | Buffer>>): HubRepo {
  const map = new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]));
  return {
    commit: randomBytes(20).toString('hex'),
    files: map,
    lfs: new Set([...map.keys()].filter((name) => /\.(safetensors|bin)$/.test(name))),
    revisions: [],
  };
}

export async function startHub(): Promise<TestHub> {
  const hub: Omit<TestHub, 'endpoint' | 'close'> = {
    repos: new Map(),
    requests: [],
    faults: new Map(),
    listingFaults: [],
  };
  const log = (server: HubRequest['server'], request: IncomingMessage): void => {
    const { authorization, range } = request.headers;
    hub.requests.push({ server, path: decodeURIComponent(request.url!), authorization, range });
  };
  const store = await listen(async (request, response) => {
    log('store', request);
    const [, org, name, file] = decodeURIComponent(request.url!).split('?')[0]!.split('/');
    const content = hub.repos.get(`${org}/${name}`)!.files.get(file!)!;
    await send(request, response, content, hub.faults.get(file!)?.shift());
  });
  const front = await listen(async (request, response) => {
    log('hub', request);
    const path = decodeURIComponent(request.url!);
    const listing = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)\?blobs=true$/.exec(path);
    if (listing !== null) return answerListing(hub, listing[1]!, listing[2]!, request, response);
    const [, id, commit, file] = /^\/([^/]+\/[^/]+)\/resolve\/([0-9a-f]{40})\/(.+)$/.exec(path) ?? [];
    const repo = hub.repos.get(id ?? '');
    const content = repo?.files.get(file ?? '');
    if (repo === undefined || content === undefined || commit !== repo.commit) {
      return refuse(response, 404, 'EntryNotFound');
    }
    if (repo.gated !== undefined && request.headers.authorization !== `Bearer ${repo.gated}`) {
      return refuse(response, request.headers.authorization === undefined ? 401 : 403, 'GatedRepo');
    }
    if (repo.lfs.has(file!)) {
      const { port } = store.address() as AddressInfo;
      response.writeHead(302, { location: `http://127.0.0.1:${port}/${id}/${file}?signature=abc` }).end();
      return;
    }
    await send(request, response, content, hub.faults.get(file!)?.shift());
  });
  return {
    ...hub,
    endpoint: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    close: async () => {
      for (const server of [front, store]) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
    },
  };
}

async function listen(answer: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<Server> {
  const server = createServer((request, response) => {
    void Promise.resolve(answer(request, response)).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end('{"error":"no"}');
}

function answerListing(
  { repos, listingFaults }: Pick<TestHub, 'repos' | 'listingFaults'>,
  id: string,
  revision: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const fault = listingFaults.shift();
  if (fault !== undefined) {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  const repo = repos.get(id);
  // As the hub does it: a name that there is not may be a private model's.
  if (repo === undefined || (repo.token !== undefined && request.headers.authorization !== `Bearer ${repo.token}`)) {
    return refuse(response, request.headers.authorization === undefined ? 401 : 404, 'RepoNotFound');
  }
  if (!['main', repo.commit, ...repo.revisions].includes(revision)) return refuse(response, 404, 'RevisionNotFound');
  const siblings = [...repo.files].map(([rfilename, content]) => {
    const entry = { rfilename, size: content.length, blobId: gitHash(content) };
    return repo.lfs.has(rfilename) ? { ...entry, lfs: { sha256: sha256(content), size: content.length } } : entry;
  });
  const listing: Listing = { sha: repo.commit, siblings };
  const told = repo.lie === undefined ? listing : repo.lie(listing);
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(typeof told === 'string' ? told : JSON.stringify(told));
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  fault: Fault = {},
): Promise<void> {
  if (fault.status !== undefined) {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  const file = Buffer.concat([content, Buffer.alloc(fault.extra ?? 0)]);
  if (fault.flip !== undefined) file[fault.flip]! ^= 1;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const isPart = asked !== null && fault.ignoreRange !== true;
  const start = isPart ? Number(asked[1]) + (fault.shiftRange ?? 0) : 0;
  if (isPart && start >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
    return;
  }
  const body = file.subarray(start, fault.endAfter === undefined ? undefined : start + fault.endAfter);
  response.writeHead(isPart ? 206 : 200, {
    'content-length': body.length,
    ...(isPart ? { 'content-range': `bytes ${start}-${start + body.length - 1}/${file.length}` } : {}),
  });
  response.flushHeaders();
  for (let at = 0; at < body.length; at += 65536) {
    if (fault.slowMs !== undefined) await sleep(fault.slowMs);
    const end = Math.min(at + 65536, fault.breakAfter ?? Infinity);
    if (end > at) await new Promise((resolve) => response.write(body.subarray(at, end), resolve));
    if (response.destroyed) return;
    if (end < at + 65536 && end < body.length) {
      if (fault.stall !== true) response.destroy();
      return;
    }
  }
  response.end();
}
