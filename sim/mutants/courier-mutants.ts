/** Mistakes in the courier and in telling the living from the dead. */

import type { Mutant } from "./mutant.ts";

const COURIER = "test/keychain/courier.test.ts";
const KILLS = "test/keychain/courier-kills.test.ts";

export const COURIER_MUTANTS: readonly Mutant[] = [
  {
    name: "old leave good for ever",
    file: "src/keychain/courier-process.ts",
    from: "if (ageMs !== undefined && ageMs <= LEAVE_MS) return;",
    to: "if (ageMs !== undefined) return;",
    says: "a courier that was stopped between leave and first byte sends all the same",
    killers: [{ tests: COURIER, named: "PRO-13" }],
  },
  {
    name: "sent without leave",
    file: "src/keychain/courier-process.ts",
    from: "leave = await askLeave(clock, id, request.deadlineMs);",
    to: "leave = { boot: clock.boot(), now: clock.now() };",
    says: "a courier sends what its keychain has not given leave for",
    killers: [{ tests: COURIER, named: "PRO-13" }],
  },
  {
    name: "courier ends with its keychain",
    file: "src/keychain/courier-process.ts",
    from: "await drain(exchange);\n    journal.close();",
    to: "journal.close();",
    says: "when the application is killed, nobody harvests its request",
    killers: [{ tests: KILLS, named: "holds the request; the courier harvests" }],
  },
  {
    name: "courier without a beacon of its family",
    file: "src/keychain/courier-process.ts",
    from: "random: systemRandom, ownerId: owner });",
    to: "random: systemRandom });",
    says: "a killed keychain's family looks dead while its courier harvests",
    killers: [
      { tests: KILLS, named: "holds the request; the courier harvests" },
      { tests: COURIER },
    ],
  },
  {
    name: "courier obeys signals",
    file: "src/keychain/courier-process.ts",
    from: '["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});',
    to: '["SIGUSR2"] as const) process.on(signal, () => {});',
    says: "a service manager's SIGTERM ends the courier in the middle of an exchange",
    killers: [{ tests: KILLS, named: "SIGTERM" }],
  },
  {
    name: "leave forgotten",
    file: "src/keychain/courier-link.ts",
    from: "given.hasLeave = true;",
    to: "",
    says: "a request that had leave counts as unsent when its courier dies",
    killers: [{ tests: COURIER, named: "killed: what had leave" }],
  },
  {
    name: "courier with our environment",
    file: "src/keychain/courier-link.ts",
    from: "env: environment(),",
    to: "env: process.env,",
    says: "the courier has the application's environment, secrets included",
    killers: [{ tests: KILLS, named: "LOG-02", alone: true }],
  },
  {
    name: "last check not asked",
    file: "src/keychain/courier-link.ts",
    from: "given.request.beforeFirstByte();",
    to: "",
    says: "leave is given without a look at the lease",
    killers: [{ tests: COURIER, named: "PRO-13" }],
  },
  {
    name: "silent courier killed",
    file: "src/keychain/courier-link.ts",
    from: 'this.#gone("it says nothing");',
    to: 'this.#gone("it says nothing");\n    this.#child.kill("SIGKILL");',
    says: "a courier that was stopped is killed with an answer at its sockets",
    killers: [{ tests: COURIER, named: "stopped gets no more" }],
  },
  {
    name: "dead with a living courier",
    file: "src/env/liveness.ts",
    from: 'if (own === "alive" || !couriersOf(directory, id).some(isAlight)) return own;',
    to: 'if (own === "alive" || id !== "") return own;',
    says: "an owner counts as dead while its courier may still journal an answer",
    killers: [{ tests: "test/env/liveness-family.test.ts" }],
  },
  {
    name: "unknown taken for dead",
    file: "src/env/liveness.ts",
    from: 'if (code === SQLITE_CANTOPEN && !existsSync(path)) return "unknown";',
    to: 'if (code === SQLITE_CANTOPEN && !existsSync(path)) return "dead";',
    says: "an owner of another machine counts as dead",
    killers: [{ tests: "test/env/liveness.test.ts" }],
  },
  {
    name: "beacon without a lock",
    file: "src/env/liveness.ts",
    from: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE",
    to: "PRAGMA locking_mode = NORMAL",
    says: "a living process looks dead",
    killers: [{ tests: "test/env/liveness.test.ts" }],
  },
];
