/**
 * Keten as a library: a keychain inside your own process, on a data directory that other processes of the machine may
 * share. The package's entry.
 *
 * ```ts
 * import { openKeychain } from "keten";
 *
 * const keychain = await openKeychain({ dataDir: "/var/lib/acme/keten" });
 * const { accessToken } = await keychain.token("acme");
 * // …and before the process ends:
 * await keychain.close();
 * ```
 */

import { KetenError } from "../env/error.ts";
import { type Log, silentLog } from "../env/log.ts";
import { Secret } from "../env/secret.ts";
import type { ConnectionView } from "../keychain/connection.ts";
import type { HandOut } from "../keychain/hand-outs.ts";
import { PRESET_NAMES, providerSettings } from "../vendors/known-providers.ts";
import { defaultDataDir, type Home, openHome } from "./compose.ts";
import { sweep } from "./housekeeping.ts";
import { keepAlive } from "./keep-alive.ts";

export type { ErrorCode } from "../env/error.ts";
export type { Log, LogField, LogFields } from "../env/log.ts";
export {
  type DemoGrant,
  type FaultInputs,
  type GrantWish,
  type InspectedChain,
  type RequestLine,
  type Sandbox,
  type SandboxOptions,
  startSandbox,
} from "./sandbox-library.ts";
export { KetenError };

export interface KeychainOptions {
  /** Where the data is. `$KETEN_DATA`, else `~/.local/share/keten`, unless given; made for this user alone. */
  readonly dataDir?: string;
  /** `sqlite:PATH` or `memory:`. A SQLite file in the data directory unless given. */
  readonly storeUrl?: string;
  /** Refresh when somebody asks, not before the old token ends. Off: a token is at hand when it is asked for. */
  readonly lazy?: boolean;
  /** How many times faster than life the clock runs, for tests. The data's own unless given; 1 for new data. */
  readonly timeScale?: number;
  /** Told what happens; never a secret. Nothing is written unless given. */
  readonly log?: Log;
  /** After so many milliseconds a request to a provider counts as unanswered. 30,000, longer than gateways wait. */
  readonly deadlineMs?: number;
  /** After so many milliseconds an unanswered request is taken not to arrive any more. 60,000; at least `deadlineMs`. */
  readonly requestLifeMs?: number;
  /** So many milliseconds a caller waits for a refresh before it is told to come again. 30,000. */
  readonly patienceMs?: number;
  /**
   * Send requests from a small process of their own, started with the first one, so that a crash of yours in the middle
   * of one loses nothing. On; where that process cannot be had, requests are sent from yours, and the log says so.
   */
  readonly courier?: boolean;
}

/** A chain to take over, from a refresh token that was granted elsewhere and that nobody else uses from now on. */
export interface ConnectOptions {
  /** 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit. */
  readonly name: string;
  /** A provider by name (see `presetNames`); or else `policy` and `tokenEndpoint`. */
  readonly provider?: string;
  /** The preset of any other provider's policy. */
  readonly policy?: string;
  /** Needed with `policy`; with `provider`, in place of the known address. */
  readonly tokenEndpoint?: string;
  /** HTTP Basic or in the body, in place of what is known. RFC 6749, section 2.3.1 */
  readonly clientAuthentication?: "basic" | "body";
  readonly clientId: string;
  /** Left out for public clients. */
  readonly clientSecret?: string;
  readonly refreshToken: string;
}

export interface AccessToken {
  readonly accessToken: string;
  /** As the provider wrote it, such as "Bearer". */
  readonly tokenType: string;
  /** Granted scope, as the provider wrote it; null where it did not say. */
  readonly scope: string | null;
  /** Milliseconds since the Unix epoch: its own end, or the moment from which a refresh may end it. */
  readonly expiresAt: number;
  /** One more with each refresh. Report a token that fails with this number. */
  readonly generation: number;
}

/** How a connection fares. Instants are milliseconds since the Unix epoch; no token, no secret. */
export type Connection = ConnectionView;

export interface KeychainLibrary {
  /**
   * Gives an access token that may be used now, fetching a new one if need be. However many callers ask at once, in
   * this process and in others that share the data, there is one request to the provider.
   *
   * @throws KetenError `connection_unknown`; `connection_lost` with its cause; `connection_unavailable` (retryable,
   *   evidence `retryAfterMs`); `store_unavailable`, `journal_unavailable` (retryable); `draining` after `close`
   * @see RFC 6749, section 6
   */
  token(name: string): Promise<AccessToken>;
  /**
   * Reports that a token was refused where it was used, by its generation, and gives a newer one. Reports of an older
   * generation than the newest change nothing.
   *
   * @throws KetenError as `token`; `request_invalid` for a generation that was never handed out
   */
  failed(name: string, generation: number): Promise<AccessToken>;
  /**
   * Takes over a chain. Nothing is sent; if it fails, nothing was stored.
   *
   * @throws KetenError `config_invalid`, `connection_exists`, `store_unavailable`
   */
  connect(connection: ConnectOptions): Promise<Connection>;
  /** Lists every connection, by name. @throws KetenError `store_unavailable` */
  connections(): Promise<readonly Connection[]>;
  /** Shows one connection. @throws KetenError `connection_unknown` */
  show(name: string): Promise<Connection>;
  /** Forgets a connection and its tokens here; the provider is not told. @throws KetenError `connection_unknown` */
  remove(name: string): Promise<void>;
  /**
   * Begins nothing new, finishes what was sent to providers, and closes. Every other call fails from then on. Ending the
   * process without it loses nothing that the provider's rules leave a way to keep; the next start takes it up.
   */
  close(): Promise<void>;
}

/** Every name that `provider` and `policy` may have. */
export const presetNames: readonly string[] = PRESET_NAMES;

/** Who the events name as the consumer of what a library's caller read. */
const CONSUMER = "library";

/**
 * Opens the keychain of a data directory. Several processes of one machine may have it open. If it fails, nothing
 * stays open and nothing was changed but a new directory.
 *
 * @throws KetenError `config_invalid`; `key_wrong`, `key_unsafe`; `store_unsafe`, `store_unavailable`;
 *   `journal_unavailable`
 */
export async function openKeychain(options: KeychainOptions = {}): Promise<KeychainLibrary> {
  const { dataDir = defaultDataDir(), lazy = false, log = silentLog } = options;
  const { storeUrl, timeScale, deadlineMs, requestLifeMs, patienceMs, courier = true } = options;
  const home = await openHome({
    ...{ dataDir, storeUrl, timeScale, deadlineMs, requestLifeMs, patienceMs, log },
    mode: lazy ? "lazy" : "proactive",
    courier: courier ? "lazy" : "off",
  });
  try {
    await home.keychain.start();
    await sweep(home);
  } catch (error) {
    await home.close();
    throw error;
  }
  return libraryOf(home);
}

function libraryOf({ keychain, close }: Home): KeychainLibrary {
  let closing: Promise<void> | undefined;
  const open = (): void => {
    if (closing !== undefined) throw new KetenError("draining", "the keychain is closed");
  };
  return {
    token: async (name) => {
      open();
      return accessTokenOf(await keepAlive(keychain.token(name, CONSUMER)));
    },
    failed: async (name, generation) => {
      open();
      const reported = keychain.failed(name, generation, CONSUMER);
      return accessTokenOf(await keepAlive(reported));
    },
    connect: async (connection) => {
      open();
      const { name, clientId, clientSecret, refreshToken } = connection;
      demandText({ clientId, refreshToken });
      return await keychain.connect({
        name,
        provider: providerSettings(connection),
        clientId,
        clientSecret: clientSecret === undefined ? null : new Secret(clientSecret),
        refreshToken: new Secret(refreshToken),
      });
    },
    connections: async () => {
      open();
      return await keychain.list();
    },
    show: async (name) => {
      open();
      return await keychain.show(name);
    },
    remove: async (name) => {
      open();
      await keychain.remove(name);
    },
    close: () => {
      closing ??= keepAlive(close());
      return closing;
    },
  };
}

/** Callers in plain JavaScript may pass anything; a token that is none is not stored. */
function demandText(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "string" && value !== "") continue;
    throw new KetenError("config_invalid", `"${name}" is missing or empty; expected text`);
  }
}

function accessTokenOf(handOut: HandOut): AccessToken {
  return {
    accessToken: handOut.accessToken.reveal(),
    tokenType: handOut.tokenType,
    scope: handOut.scope,
    expiresAt: handOut.endsAt,
    generation: handOut.generation,
  };
}
