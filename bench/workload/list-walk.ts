/** Listings: every lane walks through all laid-out objects, page by page, over and over. One page is one operation. */
import type { Answer } from '../client/connection.ts';
import { WrongAnswer } from './trouble.ts';
import type { Ground, Workload } from './workload.ts';
import { xmlTexts } from './xml-texts.ts';

export const keysPerPage = 1000;

interface Walk {
  /** Where the next page begins; undefined: at the start. */
  token: string | undefined;
  seen: number;
  last: string;
}

export class ListWalk implements Workload {
  /** A walk goes on in the lane's next turn. */
  readonly #walks = new Map<number, Walk>();
  #walked = false;

  /** One whole walk, so that the count of keys was checked even where no lane gets to the end. */
  async prepare(ground: Ground): Promise<void> {
    if (this.#walked) return;
    const walk: Walk = { token: undefined, seen: 0, last: '' };
    do await page(ground, walk);
    while (walk.token !== undefined);
    this.#walked = true;
  }

  async step(ground: Ground, lane: number): Promise<boolean> {
    let walk = this.#walks.get(lane);
    if (walk === undefined) this.#walks.set(lane, (walk = { token: undefined, seen: 0, last: '' }));
    await page(ground, walk);
    return true;
  }
}

async function page(ground: Ground, walk: Walk): Promise<void> {
  const prefix = ground.laidOutPrefix;
  const place: Record<string, string> = walk.token === undefined ? {} : { 'continuation-token': walk.token };
  const query = { 'list-type': '2', prefix, 'max-keys': String(keysPerPage), ...place };
  let read: { readonly keys: readonly string[]; readonly token: string | undefined } | undefined;
  const check = (answer: Answer): void => {
    read = readPage(answer, prefix, walk);
    const seen = walk.seen + read.keys.length;
    if (read.token === undefined && seen !== ground.objects) {
      throw new WrongAnswer(`a walk through ${prefix} found ${seen} keys instead of ${ground.objects}`);
    }
  };
  await ground.requests.send({ method: 'GET', query }, { operation: 'list', status: 200, check });
  if (read === undefined) return;
  const { keys, token } = read;
  ground.requests.tally.listed(keys.length);
  walk.token = token;
  walk.seen = token === undefined ? 0 : walk.seen + keys.length;
  walk.last = token === undefined ? '' : (keys.at(-1) ?? walk.last);
}

/** Keys must come in order, none twice, and only those that were asked for. */
function readPage(answer: Answer, prefix: string, { last }: Walk): { keys: string[]; token: string | undefined } {
  const xml = answer.body.toString();
  const keys = xmlTexts(xml, 'Key');
  let before = last;
  for (const key of keys) {
    if (!key.startsWith(prefix)) throw new WrongAnswer(`a listing of ${prefix} has ${key}`);
    if (key <= before) throw new WrongAnswer(`a listing has ${key} after ${before}`);
    before = key;
  }
  if (keys.length > keysPerPage) throw new WrongAnswer(`a page has ${keys.length} keys, ${keysPerPage} were asked for`);
  const truncated = xmlTexts(xml, 'IsTruncated')[0] === 'true';
  const token = xmlTexts(xml, 'NextContinuationToken')[0];
  if (truncated && (token === undefined || keys.length === 0)) throw new WrongAnswer('a page that is not the last leads nowhere');
  return { keys, token: truncated ? token : undefined };
}
