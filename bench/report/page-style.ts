/** The page's style: one column of calm text, figures in columns of their own, the same in light, dark and on paper. */
import { type Palette, palettes } from './page-palette.ts';

function variables(palette: Palette): string {
  const { servers, ...named } = palette;
  const colours = [...Object.entries(named), ...servers.map((colour, index) => [`server${index}`, colour] as const)];
  return colours.map(([name, colour]) => `--${name}:${colour}`).join(';');
}

export function pageStyle(): string {
  return `:root{color-scheme:light;${variables(palettes.light)}}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${variables(palettes.dark)}}}
@media screen{:root[data-theme=dark]{color-scheme:dark;${variables(palettes.dark)}}}
${layout}${tables}${comparison}${charts}${narrow}${print}`;
}

const layout = `*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans","Liberation Sans",sans-serif}
main,header{max-width:1240px;margin:0 auto;padding:0 24px}
header{padding-top:36px;position:relative}
h1,h2,h3{line-height:1.25;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
h1{font-size:27px;margin:0 90px 4px 0}
h2{font-size:20px;margin:48px 0 4px}
h3{font-size:17px;margin:0 0 2px}
p{margin:0 0 10px;max-width:76ch}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:3px}
.lead{color:var(--quiet)}
code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
pre{margin:0;padding:10px 14px;background:var(--ground);border:1px solid var(--rule);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 20px;margin:20px 0}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
footer{max-width:1240px;margin:48px auto 0;padding:16px 24px 40px;color:var(--quiet);font-size:13px}
#theme{position:absolute;top:36px;right:24px;font:inherit;font-size:14px;color:var(--text);background:var(--ground);border:1px solid var(--rule);border-radius:6px;padding:4px 14px;cursor:pointer}
#theme:hover{border-color:var(--quiet)}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.swatch{display:inline-block;width:.7em;height:.7em;border-radius:2px;margin-right:.5em}
.mark{display:inline-block;font-size:11px;line-height:1.4;color:var(--caution);border:1px solid currentColor;border-radius:3px;padding:0 4px;margin-left:4px;white-space:nowrap}
.mark.knee{color:var(--quiet)}
.note{color:var(--caution)}
.failure{color:var(--server7)}
`;

const tables = `table{border-collapse:collapse;font-variant-numeric:tabular-nums lining-nums}
th{font-weight:600;text-align:left}
thead th{color:var(--quiet);font-weight:500;font-size:13px;vertical-align:bottom}
.figure,thead th.figure{text-align:right;white-space:nowrap}
.peer{white-space:nowrap}
.scroll{overflow-x:auto;background:var(--ground);border:1px solid var(--rule);border-radius:6px}
.scroll table{width:100%;font-size:13px}
.scroll th,.scroll td{padding:3px 7px;border-top:1px solid var(--grid)}
.scroll thead th{border-top:0;border-bottom:1px solid var(--rule);padding:8px 7px 6px}
.scroll tbody tr:first-child>*{border-top:0}
.scroll tbody tr:hover>*{background:var(--grid)}
.all tbody th{font-weight:500;white-space:nowrap;position:sticky;left:0;background:var(--ground)}
.all tbody tr.first>*{border-top-color:var(--rule)}
.all thead button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;white-space:nowrap}
.all thead button:hover{color:var(--text)}
th[aria-sort] button{color:var(--text);font-weight:650}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
.servers td,.servers th{vertical-align:top}
.servers td code{overflow-wrap:anywhere}
`;

const comparison = `.standing{list-style:none;padding:0;margin:14px 0 18px}
.standing strong{font-weight:650}
.overview{width:100%;font-size:14px;background:var(--ground);border:1px solid var(--rule);border-radius:6px;border-collapse:separate;border-spacing:0}
.overview th,.overview td{padding:1px 12px;height:24px}
.overview thead>tr>*{padding-top:8px;padding-bottom:4px;border-bottom:1px solid var(--rule);vertical-align:bottom}
.overview tbody th{font-weight:500;white-space:nowrap;vertical-align:top}
.overview tbody tr:first-child>*{border-top:1px solid var(--grid)}
.overview tbody:first-of-type tr:first-child>*{border-top:0}
.overview td:nth-last-child(2){width:60%;padding:0}
.overview .peer{color:var(--quiet)}
.track,.axis{position:relative;height:24px}
.axis{height:18px;font-size:12px;color:var(--quiet)}
.axis span{position:absolute;bottom:0;transform:translateX(-50%)}
.axis .one{color:var(--text);font-weight:650}
.whisker{position:absolute;top:10px;height:4px;min-width:2px;border-radius:2px;background:var(--own);opacity:.45}
.dot{position:absolute;top:7px;width:10px;height:10px;margin-left:-5px;border-radius:50%;background:var(--own);border:2px solid var(--own)}
.dot.hollow{background:var(--ground)}
`;

const charts = `.line{background:var(--ground);border:1px solid var(--rule);border-radius:6px;padding:18px 20px 16px;margin:0 0 20px;scroll-margin-top:12px}
.knees{list-style:none;padding:0;margin:8px 0 0}
.panels{display:grid;grid-template-columns:1fr 1fr;gap:18px 32px;margin:14px 0 6px}
figure{margin:0;min-width:0}
figcaption{font-size:13px;color:var(--quiet);margin-bottom:6px}
.chart{min-height:250px}
.chart .uplot{font:inherit;width:100%}
.chart .u-legend{font-size:13px;text-align:left;margin:2px 0 0;font-variant-numeric:tabular-nums}
.chart .u-legend th{font-weight:500}
.chart .u-inline tr{margin-right:8px}
.chart .u-inline.u-live th::after{content:""}
.chart .u-inline .u-value{min-width:3.2em;padding-left:0}
.chart .u-legend .u-marker{width:18px;height:0;border-width:2px 0 0!important;margin-right:6px}
.chart .u-series>*{padding:1px 3px}
.chart .u-cursor-x,.chart .u-cursor-y{border-color:var(--quiet)}
.chart .u-hz .u-cursor-y{display:none}
.bars{width:100%;font-size:14px}
.bars th{font-weight:400;padding:2px 12px 2px 0;white-space:nowrap}
.bars .bar{width:75%;padding:0}
.bars .bar i{display:block;height:12px;border-radius:2px}
.bars .figure{padding-left:12px}
.line .scroll{margin-top:12px}
`;

const narrow = `@media (max-width:720px){
main,header,footer{padding-left:14px;padding-right:14px}
#theme{right:14px;top:28px}
header{padding-top:28px}
dl{grid-template-columns:1fr}
dd{margin-bottom:8px}
.panels{grid-template-columns:1fr}
.line{padding:14px 12px}
.overview,.overview tbody,.overview thead{display:block}
.overview tr{display:grid;grid-template-columns:1fr auto}
.overview tr>*,.overview tr td:nth-last-child(2){width:auto;height:auto;border:0!important}
.overview tbody th{grid-column:1/-1}
.overview td:nth-last-child(2){grid-row:3;grid-column:1/-1;padding:0 12px}
.overview thead th{display:none}
.overview thead td{grid-row:1}
.overview tbody{border-top:1px solid var(--rule);padding:6px 0}
.track{height:18px}
.dot{top:4px}
.whisker{top:7px}
.all tbody th{position:static}
}
`;

const print = `@media print{
body{background:#fff;font-size:11px}
main,header,footer{max-width:none;padding:0}
h2{margin-top:24px;break-after:avoid}
#theme{display:none}
.scroll{overflow:visible;border:0}
.scroll table,.overview,.bars{font-size:9.5px}
.scroll th,.scroll td{padding:2px 4px}
.overview th,.overview td,.track{height:17px}
.dot{top:4px;width:8px;height:8px;margin-left:-4px}
.whisker{top:6px}
.line{break-inside:avoid;padding:10px 12px}
.overview tbody,tr{break-inside:avoid}
a{color:inherit;text-decoration:none}
i{print-color-adjust:exact;-webkit-print-color-adjust:exact}
.track{print-color-adjust:exact;-webkit-print-color-adjust:exact}
@page{size:landscape;margin:12mm}
}
`;
