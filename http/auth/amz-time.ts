import { remembering } from '../remembering.ts';

const basic = /^\d{8}T\d{6}Z$/;

/** Milliseconds since the epoch of an ISO 8601 basic time (`20130524T000000Z`); undefined when it isn't one. */
export const parseAmzTime = remembering(256, (text: string): number | undefined => {
  if (!basic.test(text)) return undefined;
  const month = Number(text.slice(4, 6)) - 1;
  const day = Number(text.slice(6, 8));
  const hour = Number(text.slice(9, 11));
  const minute = Number(text.slice(11, 13));
  const second = Number(text.slice(13, 15));
  const time = Date.UTC(Number(text.slice(0, 4)), month, day, hour, minute, second);
  // Date.UTC carries the 30th of February over into March.
  const calendar = new Date(time);
  const exists = calendar.getUTCMonth() === month && calendar.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  return exists ? time : undefined;
});

/** `20130524T000000Z` */
export function formatAmzTime(time: number): string {
  return isoSeconds(time).replace(/[:-]/g, '');
}

/** `2013-05-24T00:00:00Z` */
export function isoSeconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
