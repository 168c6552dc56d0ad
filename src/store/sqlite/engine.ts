/**
 * The SQLite engine: a file, and a worker thread that has it open.
 *
 * 1. The thread does what it is asked in the order it is asked; this side keeps who asked, in the same order.
 * 2. If the thread ends before its time, everybody who waits fails: with `commit_unknown` who waits for a commit that
 *    was sent, with `store_unavailable` anybody else. The queue above then opens another engine.
 * 3. The thread keeps the process alive while somebody waits for it, and not longer.
 */

import { Worker } from "node:worker_threads";
import type { Clock } from "../../env/clock.ts";
import { KetenError } from "../../env/error.ts";
import {
  type Change,
  DEFAULT_RETENTION,
  type Engine,
  type Found,
  type Listed,
  type NewEvent,
  type Position,
  type Retention,
  type Size,
} from "../engine.ts";
import type { StoredEvent } from "../events.ts";
import { openGroupCommit } from "../group-commit.ts";
import type { Kind } from "../records.ts";
import type { Key, Store, Where } from "../store.ts";
import {
  type Answer,
  errorOf,
  packChanges,
  packEvents,
  packKeys,
  type Question,
  unpack,
  unpackListed,
  type WorkerOptions,
} from "./messages.ts";

/** How long a transaction waits for another process: longer than any batch takes, shorter than a client's patience. */
const BUSY_TIMEOUT_MS = 5000;

export interface SqliteStoreOptions {
  /** The file; it and its directory are made if there are none. On a local file system. */
  readonly path: string;
  readonly clock: Clock;
  /** Waits for another turn of the event loop; a server gives it, so that requests share commits. */
  readonly turn?: () => Promise<void>;
  readonly retention?: Retention;
  readonly busyTimeoutMs?: number;
  readonly pageSize?: number;
}

/**
 * Opens a store in a SQLite file, which other processes of this machine may have open too.
 *
 * @throws KetenError `store_unsafe` if the library, the file or its place cannot be trusted; `store_unavailable` if
 *   the file cannot be opened
 */
export function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, clock, turn, pageSize } = options;
  const { retention = DEFAULT_RETENTION, busyTimeoutMs = BUSY_TIMEOUT_MS } = options;
  return openGroupCommit({
    clock,
    open: () => SqliteEngine.open({ path, retention, busyTimeoutMs }),
    ...(turn === undefined ? {} : { turn }),
    ...(pageSize === undefined ? {} : { pageSize }),
  });
}

interface Asked {
  readonly ask: Question["ask"] | "open";
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: KetenError) => void;
}

/** The worker beside this file, in the language this file is in: TypeScript in a checkout, JavaScript as published. */
function workerUrl(): URL {
  const source = new URL("./worker.ts", import.meta.url);
  return import.meta.url.endsWith(".ts") ? source : new URL(source.href.replace(/\.ts$/, ".js"));
}

export class SqliteEngine implements Engine {
  readonly #worker: Worker;
  /** Who waits, in the order of asking. */
  readonly #asked: Asked[] = [];
  #closing: Promise<void> | undefined;
  /** Why nothing can be asked any more. */
  #ended: KetenError | undefined;

  static async open(options: WorkerOptions): Promise<SqliteEngine> {
    const engine = new SqliteEngine(options);
    try {
      await engine.#answer("open");
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  private constructor(options: WorkerOptions) {
    this.#worker = new Worker(workerUrl(), { workerData: options, name: "keten sqlite" });
    this.#worker.on("message", (answer: Answer) => {
      const asked = this.#asked.shift();
      if (this.#asked.length === 0) this.#worker.unref();
      if ("failed" in answer) asked?.reject(errorOf(answer.failed));
      else asked?.resolve(answer);
    });
    this.#worker.on("error", (cause) => this.#end(cause));
    this.#worker.on("exit", (code) => this.#end(new Error(`it exited with code ${code}`)));
  }

  async begin(keys: readonly Key[]): Promise<readonly Found[]> {
    return foundIn(await this.#ask({ ask: "begin", keys: packKeys(keys) }));
  }

  async more(keys: readonly Key[]): Promise<readonly Found[]> {
    return foundIn(await this.#ask({ ask: "more", keys: packKeys(keys) }));
  }

  async commit(changes: readonly Change[], events: readonly NewEvent[]): Promise<void> {
    const packed = packChanges(changes);
    await this.#ask({ ask: "commit", changes: packed, events: packEvents(events) }, [
      packed.bytes.buffer,
    ]);
  }

  async rollback(): Promise<void> {
    await this.#ask({ ask: "rollback" });
  }

  async read(keys: readonly Key[]): Promise<readonly Found[]> {
    return foundIn(await this.#ask({ ask: "read", keys: packKeys(keys) }));
  }

  async list(
    kind: Kind,
    where: Where,
    after: Position | undefined,
    limit: number,
  ): Promise<readonly Listed[]> {
    const answer = await this.#ask({ ask: "list", kind, where, after, limit });
    return "listed" in answer ? unpackListed(answer.listed) : unexpected(answer);
  }

  async events(after: number, limit: number): Promise<readonly StoredEvent[]> {
    const answer = await this.#ask({ ask: "events", after, limit });
    return "events" in answer ? answer.events : unexpected(answer);
  }

  async size(): Promise<Size> {
    const answer = await this.#ask({ ask: "size" });
    return "size" in answer ? answer.size : unexpected(answer);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The file is closed in order, which empties its WAL; if even that fails, with the thread. */
  async #close(): Promise<void> {
    await this.#ask({ ask: "close" }).catch(() => undefined);
    this.#ended ??= new KetenError("store_unavailable", "the engine is closed", {
      retryable: true,
    });
    await this.#worker.terminate();
  }

  #ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#ended) return Promise.reject(this.#ended);
    const answer = this.#answer(question.ask);
    this.#worker.postMessage(question, transfer);
    return answer;
  }

  #answer(ask: Asked["ask"]): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#asked.push({ ask, resolve, reject });
    if (this.#asked.length === 1) this.#worker.ref();
    return promise;
  }

  #end(cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `the store's thread ended: ${reason}`;
    this.#ended ??= new KetenError("store_unavailable", message, { cause, retryable: true });
    for (const { ask, reject } of this.#asked.splice(0)) {
      const code = ask === "commit" ? "commit_unknown" : "store_unavailable";
      reject(new KetenError(code, message, { cause, retryable: true }));
    }
  }
}

function foundIn(answer: Answer): readonly Found[] {
  return "found" in answer ? unpack(answer.found) : unexpected(answer);
}

function unexpected(answer: Answer): never {
  throw new TypeError(`the store's thread answered something else: ${Object.keys(answer)}`);
}
