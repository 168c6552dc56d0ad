/** A time of day in a zone, such as 04:00-04:30 in CET: when a provider is maintained. It may reach over midnight. */

import { type Instant, isZone } from "../kernel/time.ts";

export interface DailyWindow {
  /** As it was written. */
  readonly text: string;
  /** Minutes since midnight, of its first minute and of the first one after it. */
  readonly from: number;
  readonly to: number;
  readonly minuteOfDay: (at: Instant) => number;
}

/** Reads `04:00-04:30`, in UTC, or `04:00-04:30,ZONE`; undefined if the text is no such window. */
export function parseDailyWindow(text: unknown): DailyWindow | undefined {
  if (typeof text !== "string") return undefined;
  const match = /^(\d\d):(\d\d)-(\d\d):(\d\d)(?:,([A-Za-z0-9_+/-]{1,64}))?$/.exec(text);
  const [, fromHour, fromMinute, toHour, toMinute, zone = "UTC"] = match ?? [];
  const from = minutesOf(fromHour, fromMinute);
  const to = minutesOf(toHour, toMinute);
  if (from === undefined || to === undefined || from === to || !isZone(zone)) return undefined;
  return { text, from, to, minuteOfDay: minuteOfDayIn(zone) };
}

export function isWithin({ from, to, minuteOfDay }: DailyWindow, at: Instant): boolean {
  const minute = minuteOfDay(at);
  return from < to ? minute >= from && minute < to : minute >= from || minute < to;
}

function minutesOf(hour?: string, minute?: string): number | undefined {
  const [h, m] = [Number(hour), Number(minute)];
  return h < 24 && m < 60 ? 60 * h + m : undefined;
}

function minuteOfDayIn(zone: string): (at: Instant) => number {
  const formatter = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  return (at) => {
    const [hour = "", minute = ""] = formatter.format(at).split(":");
    return 60 * Number(hour) + Number(minute);
  };
}
