/**
 * A worker of `npm start`: asks the keychain for an access token, about fifty times a second, and tells its starter how
 * it fares. It does what a worker should: it keeps no token for longer than it needs it.
 */

const { KETEN_URL = "", KETEN_API_KEY = "" } = process.env;
const EVERY_MS = 20;
const TELL_EVERY_MS = 100;

/** What a worker tells: counts since it told last. */
export interface WorkerReport {
  readonly handedOut: number;
  /** The keychain answered, but had no token. */
  readonly refused: number;
  /** The keychain did not answer. */
  readonly unanswered: number;
}

const counts = { handedOut: 0, refused: 0, unanswered: 0 };
let isAsking = false;

async function ask(): Promise<void> {
  const response = await fetch(`${KETEN_URL}/v1/connections/acme/token`, {
    headers: { authorization: `Bearer ${KETEN_API_KEY}` },
  });
  await response.arrayBuffer();
  if (response.ok) counts.handedOut += 1;
  else counts.refused += 1;
}

setInterval(() => {
  if (isAsking) return;
  isAsking = true;
  ask()
    .catch(() => {
      counts.unanswered += 1;
    })
    .finally(() => {
      isAsking = false;
    });
}, EVERY_MS);

setInterval(() => {
  process.send?.({ ...counts } satisfies WorkerReport);
  Object.assign(counts, { handedOut: 0, refused: 0, unanswered: 0 });
}, TELL_EVERY_MS);

// Its starter tells it to end, or is gone.
process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
console.log("ready");
