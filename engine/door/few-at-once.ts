/** Lets so many pieces of work go on at once; the others wait, in their order. Who may come at all is the gate's business. */
export class FewAtOnce {
  private underWay = 0;
  private readonly most: number;
  private readonly waiting: (() => void)[] = [];

  constructor(most: number) {
    this.most = most;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.underWay >= this.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.underWay += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      // The next one has this one's place.
      if (next === undefined) this.underWay -= 1;
      else next();
    }
  }
}
