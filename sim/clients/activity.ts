/** What a Keten in this process has under way, so that time is skipped only where it would be waiting. */

import { setImmediate as turn } from "node:timers/promises";
import type { Disk } from "../../src/env/disk.ts";
import type { Post } from "../../src/env/http-post.ts";
import type { Store } from "../../src/store/store.ts";

/** Turns of the event loop in a row without anything under way: between two steps there may be one. */
const CALM_TURNS = 4;

export class Activity {
  #underWay = 0;

  get underWay(): number {
    return this.#underWay;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
    }
  }
}

/** Whether a condition holds for some turns of the event loop on end. */
export async function isCalm(condition: () => boolean): Promise<boolean> {
  for (let calm = 0; calm < CALM_TURNS; calm += 1) {
    if (!condition()) return false;
    await turn();
  }
  return condition();
}

/** Waits, in real time, until a condition holds for some turns of the event loop on end. */
export async function untilCalm(condition: () => boolean): Promise<void> {
  while (!(await isCalm(condition))) await turn();
}

export const countedStore = (store: Store, activity: Activity): Store => ({
  update: (keys, decide) => activity.during(() => store.update(keys, decide)),
  read: (key) => activity.during(() => store.read(key)),
  list: (kind, where, after) => activity.during(() => store.list(kind, where, after)),
  events: (after, limit) => activity.during(() => store.events(after, limit)),
  size: () => activity.during(() => store.size()),
  close: () => store.close(),
});

export const countedDisk = (disk: Disk, activity: Activity): Disk => ({
  ...disk,
  read: (path) => activity.during(() => disk.read(path)),
});

/** Counts a request until its answer is there, however long nobody waits for it any more. */
export const countedPost =
  (post: Post, activity: Activity): Post =>
  (request) => {
    const posting = post(request);
    return { ...posting, outcome: activity.during(() => posting.outcome) };
  };
