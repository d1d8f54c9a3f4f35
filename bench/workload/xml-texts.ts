/** What stands in elements of a name, in order, in the XML of an S3 answer. The harness reads a handful of known, flat documents. */
const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

export function xmlTexts(xml: string, element: string): string[] {
  const texts: string[] = [];
  const [open, close] = [`<${element}>`, `</${element}>`];
  for (let at = xml.indexOf(open); at >= 0; at = xml.indexOf(open, at)) {
    at += open.length;
    const end = xml.indexOf(close, at);
    if (end < 0) break;
    texts.push(plainText(xml.slice(at, end)));
  }
  return texts;
}

function plainText(text: string): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (all, hex?: string, decimal?: string, name?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return entities[name ?? ''] ?? all;
  });
}
