/** BENCHMARKS.md as a text with parts that a run writes anew; what lies between them is written by hand and never touched. */

/** The marks are missing, doubled or crossed: the file is left as it was. */
export class MarksBroken extends Error {
  override readonly name = 'MarksBroken';
}

const beginOf = (part: string): string => `<!-- ${part}: begin -->`;
const endOf = (part: string): string => `<!-- ${part}: end -->`;

/** What stands between a part's marks, without the line feeds next to them. @throws MarksBroken */
export function partOf(document: string, part: string): string {
  const { from, to } = placeOf(document, part);
  return document.slice(from, to).replace(/^\n+|\n+$/g, '');
}

/** The document with other content between a part's marks. The same content twice gives the same document. @throws MarksBroken */
export function withPart(document: string, part: string, content: string): string {
  const { from, to } = placeOf(document, part);
  const trimmed = content.replace(/^\n+|\n+$/g, '');
  return `${document.slice(0, from)}\n\n${trimmed}\n\n${document.slice(to)}`;
}

function placeOf(document: string, part: string): { from: number; to: number } {
  const begin = only(document, beginOf(part));
  const end = only(document, endOf(part));
  const from = begin + beginOf(part).length;
  if (end < from) throw new MarksBroken(`the part ${part} ends before it begins`);
  const within = document.slice(from, end);
  const crossed = /<!-- [a-z0-9-]+: (?:begin|end) -->/.exec(within);
  if (crossed !== null) throw new MarksBroken(`${crossed[0]} stands within the part ${part}`);
  return { from, to: end };
}

function only(document: string, mark: string): number {
  const at = document.indexOf(mark);
  if (at < 0) throw new MarksBroken(`the mark ${mark} is missing`);
  if (document.includes(mark, at + 1)) throw new MarksBroken(`the mark ${mark} is there twice`);
  return at;
}
