/**
 * What an application does that integrates with a provider by a client library, as a user of that library would write it.
 *
 * 1. A library is not modified, wrapped or patched. It is told the token endpoint, the client and the first refresh token
 *    by its public configuration, and nothing else: the same program runs straight at a provider and behind Keten.
 * 2. A program keeps what the library or its documentation says is to be kept, where it says so, and without a lock: no
 *    library here has one, and none of their manuals speaks of it.
 * 3. What a library does by default (client authentication, margins, its own retries) is left as it is. The exceptions
 *    are written where they are made.
 */

import { setImmediate as turn } from "node:timers/promises";

/** What an owner types into a product's settings. */
export interface ClientSettings {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

/** A row of the application's database: text, read and written by all its workers, without a lock. */
export interface Row {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** One process of the application. */
export interface Worker {
  /** Gives an access token that may be used now. Fails as the library fails. */
  token(): Promise<string>;
}

export interface ClientProgram {
  /** The package. */
  readonly library: string;
  /** What of the library is used, and what stays in memory between two calls. */
  readonly keeps: string;
  start(settings: ClientSettings, row: Row): Worker;
}

export const nameOf = ({ library, keeps }: ClientProgram): string => `${library}, ${keeps}`;

/** A row in memory that answers a turn of the event loop later, as a database does. */
export function memoryRow(): Row {
  let text: string | undefined;
  return {
    async read() {
      await turn();
      return text;
    },
    async write(next) {
      await turn();
      text = next;
    },
  };
}
