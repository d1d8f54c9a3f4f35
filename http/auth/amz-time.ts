const basic = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Milliseconds since the epoch of an ISO 8601 basic time (`20130524T000000Z`); undefined when it isn't one. */
export function parseAmzTime(text: string): number | undefined {
  const match = basic.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number, number, number];
  const time = Date.UTC(year, month - 1, day, hour, minute, second);
  return formatAmzTime(time) === text ? time : undefined;
}

/** `20130524T000000Z` */
export function formatAmzTime(time: number): string {
  return isoSeconds(time).replace(/[:-]/g, '');
}

/** `2013-05-24T00:00:00Z` */
export function isoSeconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
