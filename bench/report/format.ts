/** Numbers as the views show them: as many digits as they are worth, none more. */
import { mebibyte } from '../workload/sizes.ts';
import type { Spread } from './statistics.ts';

/** `12,345`, `123`, `12.3`, `1.23`, `0.012`: three digits where a number is small, whole where it is large. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : '∞';
  const size = Math.abs(value);
  if (size >= 99.5) return Math.round(value).toLocaleString('en-US');
  if (size >= 9.95) return value.toFixed(1);
  if (size >= 0.0995 || size === 0) return size === 0 ? '0' : value.toFixed(2);
  return value.toPrecision(2);
}

/** `12,345`: of things that come whole. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `–` where they are not known. */
export function mebibytes(bytes: number | undefined): string {
  return number((bytes ?? Number.NaN) / mebibyte);
}

/** `512 B`, `4.0 KiB`, `1.50 MiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let size = value;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(size) : number(size)} ${units[unit]}`;
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `3.42 (3.10–3.80)` */
export function ratioWithSpread({ median, least, greatest }: Spread): string {
  return `${number(median)} (${number(least)}–${number(greatest)})`;
}

/** `1 h 04 min`, `3 min 20 s`, `12 s`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${whole} s`;
}

export interface Column {
  readonly head: string;
  readonly align: 'left' | 'right';
}

/** Rows of text under heads, columns two spaces apart; no line ends in spaces. */
export function alignedRows(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const all = [columns.map((column) => column.head), ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => (row[index] ?? '').length)));
  const line = (row: readonly string[]): string =>
    columns
      .map(({ align }, index) =>
        align === 'left' ? (row[index] ?? '').padEnd(widths[index]!) : (row[index] ?? '').padStart(widths[index]!),
      )
      .join('  ')
      .trimEnd();
  return all.map(line).join('\n');
}
