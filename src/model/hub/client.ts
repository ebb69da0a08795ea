// Speaks the hub's protocol: lists the files of a repo and opens their content from any byte on.
// Not @huggingface/hub 2.17: downloadFileToCacheDir begins anew each time, compares no hash, retries nothing, and two at once
// write into one file.
import { UserError, show } from '../../core/index.ts';
import type { HubName } from './cache.ts';
import type { HubListing } from './listing.ts';
import { MAX_LISTING_BYTES, badListing, parseListing } from './listing.ts';
import type { HubSettings } from './settings.ts';

/** Content of a file on its way. */
export interface HubContent {
  /** The byte that it begins with: the one asked for, or 0 from a server that gives no parts. */
  start: number;
  /** The bytes; a {@link HubTrouble} when they end too soon. */
  chunks: AsyncIterable<Uint8Array>;
}

/** Asks one hub. */
export interface HubClient {
  /**
   * Lists the files of a repo.
   * @throws UserError when there is none or it may not be seen; {@link HubTrouble}
   */
  listing: (name: HubName, signal: AbortSignal) => Promise<HubListing>;
  /**
   * Opens a file of a commit, at byte `offset`.
   * @throws UserError when it may not be seen; {@link HubTrouble}
   */
  content: (repo: string, commit: string, file: string, offset: number, signal: AbortSignal) => Promise<HubContent>;
}

/** Something that may pass: a lost connection, or a server that is busy. */
export class HubTrouble extends Error {
  /** Whether there was no connection at all, as on a machine without network. */
  readonly unreachable: boolean;
  /** Milliseconds that the server wants to be left alone; 0 where it does not say. */
  readonly retryAfterMs: number;

  /**
   * @param message - what happened
   * @param details - what is known of it
   */
  constructor(message: string, details: { unreachable?: boolean; retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.unreachable = details.unreachable ?? false;
    this.retryAfterMs = details.retryAfterMs ?? 0;
  }
}

const MAX_REDIRECTS = 10;
/** Neither an answer nor a byte for so long means that the connection is dead. */
const STALL_MS = 60_000;

/**
 * Makes a client. The token goes to the endpoint's own origin only, never where a download is redirected to.
 * @param settings - endpoint and token
 * @param stallMs - milliseconds without a byte after which a connection counts as lost; default 60,000
 */
export function createHubClient(
  { endpoint, token }: Pick<HubSettings, 'endpoint' | 'token'>,
  stallMs: number = STALL_MS,
): HubClient {
  const { origin, protocol } = new URL(endpoint);

  /** Follows redirects by hand, to know where each request goes. */
  async function request(address: string, headers: Record<string, string>, watch: Watch): Promise<Response> {
    let url = new URL(address);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const authorization = url.origin === origin && token !== null ? { authorization: `Bearer ${token}` } : {};
      const response = await fetch(url.href, {
        headers: { 'user-agent': 'iovqa', 'accept-encoding': 'identity', ...headers, ...authorization },
        redirect: 'manual',
        signal: watch.signal,
      }).catch((error: unknown) => {
        throw watch.trouble(error, `no answer from ${url.host}`);
      });
      watch.touch();
      const location = response.headers.get('location');
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
      await response.body?.cancel();
      if (!URL.canParse(location, url.href)) throw new HubTrouble(`${url.host} redirects to ${show(location)}`);
      url = new URL(location, url);
      const allowed = protocol === 'https:' ? ['https:'] : ['https:', 'http:'];
      if (!allowed.includes(url.protocol)) {
        throw new UserError(
          'not-supported',
          `${origin}: expected a redirect to ${allowed.join(' or ')}, got ${url.protocol}`,
        );
      }
    }
    throw new HubTrouble(`${origin}: more than ${MAX_REDIRECTS} redirects`);
  }

  /** What a status that is no success means. */
  async function refused(response: Response, repo: string, what: string): Promise<Error> {
    await response.body?.cancel();
    const { status, headers } = response;
    const code = headers.get('x-error-code');
    const got = `HTTP ${status}${code !== null && /^\w+$/.test(code) ? ` ${code}` : ''}`;
    const { host, origin: from } = new URL(response.url);
    // Links to where content lies run out; the hub gives a new one.
    const isExpired = from !== origin && code === null;
    if (status === 408 || status === 429 || status >= 500 || isExpired) {
      const seconds = Number(headers.get('retry-after') ?? 0);
      return new HubTrouble(`${host}: ${got}`, { retryAfterMs: seconds > 0 ? seconds * 1000 : 0 });
    }
    const refusal = (expected: string, hint: string): UserError =>
      new UserError('bad-input', `${what}: expected ${expected}, got ${got}`, { hint });
    if (code === 'GatedRepo' || status === 403) {
      const login = token === null ? 'and set HF_TOKEN to a token of your account' : 'with the account of HF_TOKEN';
      return refusal('a model that is open to you', `Accept its licence at ${endpoint}/${repo} ${login}.`);
    }
    if (status === 401) {
      const why = token === null ? 'a private model needs HF_TOKEN' : 'HF_TOKEN may have run out, or may not read it';
      return refusal('a model that is open to you', `Check the name; ${why}.`);
    }
    if (status === 404) return refusal('it on the hub', 'Check name and revision; a private model needs HF_TOKEN.');
    return refusal('HTTP 200', `Check HF_ENDPOINT (${endpoint}).`);
  }

  return {
    async listing(name, signal) {
      const watch = watchFor(signal, stallMs);
      try {
        const { repo, revision } = name;
        const address = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
        const response = await request(address, {}, watch);
        if (response.status !== 200) throw await refused(response, repo, `${repo} at ${revision}`);
        const bytes: Uint8Array[] = [];
        let size = 0;
        for await (const chunk of bodyOf(response, watch)) {
          size += chunk.length;
          if (size > MAX_LISTING_BYTES) throw badListing(repo, `more than ${MAX_LISTING_BYTES} bytes`);
          bytes.push(chunk);
        }
        return parseListing(repo, Buffer.concat(bytes).toString('utf8'));
      } finally {
        watch.stop();
      }
    },

    async content(repo, commit, file, offset, signal) {
      const watch = watchFor(signal, stallMs);
      const address = `${endpoint}/${repo}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`;
      try {
        const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
        let response = await request(address, range, watch);
        // 416: the server has no such byte; the part that is here was never the beginning of this file.
        const isPart = response.status === 206 && rangeStart(response) === offset;
        if (offset > 0 && (response.status === 416 || (response.status === 206 && !isPart))) {
          await response.body?.cancel();
          response = await request(address, {}, watch);
        }
        if (response.status !== 200 && !isPart) throw await refused(response, repo, `${repo}: ${file}`);
        return { start: isPart ? offset : 0, chunks: closing(bodyOf(response, watch), watch) };
      } catch (error) {
        watch.stop();
        throw error;
      }
    },
  };
}

/** First byte of a part; null where the header is not understood. */
function rangeStart(response: Response): number | null {
  const match = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(response.headers.get('content-range') ?? '');
  return match === null ? null : Number(match[1]);
}

/** Ends a request that its user ends, or on which nothing happens. */
interface Watch {
  signal: AbortSignal;
  /** Something happened. */
  touch: () => void;
  stop: () => void;
  /** What an error of `fetch` means: the user's own abort, or trouble. */
  trouble: (error: unknown, what: string) => unknown;
}

function watchFor(user: AbortSignal, stallMs: number): Watch {
  user.throwIfAborted();
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(), stallMs).unref();
  return {
    signal: AbortSignal.any([user, stalled.signal]),
    touch: () => void timer.refresh(),
    stop: () => clearTimeout(timer),
    trouble(error, what) {
      if (user.aborted) return user.reason;
      if (error instanceof UserError || error instanceof HubTrouble) return error;
      if (stalled.signal.aborted)
        return new HubTrouble(`${what}: nothing came for ${stallMs / 1000} s`, { cause: error });
      const { cause = error } = error as { cause?: unknown };
      const { code, message } = cause as NodeJS.ErrnoException;
      const wasReached = /^(?:ECONNRESET|EPIPE|UND_ERR_(?:SOCKET|HEADERS_TIMEOUT|BODY_TIMEOUT))$/.test(code ?? '');
      return new HubTrouble(`${what}: ${code ?? message}`, { unreachable: !wasReached, cause: error });
    },
  };
}

async function* bodyOf(response: Response, watch: Watch): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      watch.touch();
      yield chunk;
    }
  } catch (error) {
    throw watch.trouble(error, 'the connection was lost');
  }
}

async function* closing(chunks: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
  } finally {
    watch.stop();
  }
}
