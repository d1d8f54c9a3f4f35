/**
 * The page's colours in light and dark. Those of the servers follow the colour-blind-safe set of Okabe and Ito ("Color Universal Design", 2008), shifted
 * in lightness until each has a contrast of at least 3 to its ground (WCAG 2.2, 1.4.11) and text at least 4.5 (1.4.3). No meaning rests on
 * colour alone: lines have dashes of their own, bars and dots their names.
 */
export interface Palette {
  /** Of the page. */
  readonly page: string;
  /** Of what stands on it: charts, tables. */
  readonly ground: string;
  readonly text: string;
  readonly quiet: string;
  readonly rule: string;
  readonly grid: string;
  readonly link: string;
  /** Of marks at lines where the client was the limit. */
  readonly caution: string;
  /** By server; from the ninth on they come again. */
  readonly servers: readonly string[];
}

export const palettes: { readonly light: Palette; readonly dark: Palette } = {
  light: {
    page: '#f7f7f5',
    ground: '#ffffff',
    text: '#1d2125',
    quiet: '#5b646d',
    rule: '#dcdfe2',
    grid: '#eceef0',
    link: '#0a5aa8',
    caution: '#8f4a00',
    servers: ['#0b62b0', '#c4500a', '#008060', '#a34a8b', '#8a6d00', '#4f5b66', '#0f86a5', '#b3262e'],
  },
  dark: {
    page: '#121416',
    ground: '#1a1d20',
    text: '#e6e8ea',
    quiet: '#a2abb3',
    rule: '#343a40',
    grid: '#272c31',
    link: '#79b8f5',
    caution: '#f2b45f',
    servers: ['#5ab4f0', '#f0883e', '#2fbf94', '#dd8fc0', '#e6c84a', '#aab4bd', '#6fd3e8', '#ff8a8a'],
  },
};

/** Lines of the charts, by server: the first is solid. */
export const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [12, 4], [4, 4], [2, 2, 7, 2], [14, 3, 4, 3]];

export function serverColour(index: number): string {
  return `var(--server${index % palettes.light.servers.length})`;
}
