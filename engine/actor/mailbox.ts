/** First in, first out, without moving what waits at every step. Whoever pushes keeps the limit. */
export class Mailbox<Message> {
  private messages: Message[] = [];
  private at = 0;

  get length(): number {
    return this.messages.length - this.at;
  }

  push(message: Message): void {
    this.messages.push(message);
  }

  /** Back to the front, once taken. */
  unshift(message: Message): void {
    if (this.at > 0) this.messages[--this.at] = message;
    else this.messages.unshift(message);
  }

  shift(): Message | undefined {
    if (this.length === 0) return undefined;
    const message = this.messages[this.at]!;
    this.at += 1;
    // What was handled must not be held; half of the array at most is behind us.
    if (this.at * 2 >= this.messages.length) {
      this.messages = this.messages.slice(this.at);
      this.at = 0;
    }
    return message;
  }
}
