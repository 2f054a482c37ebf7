// A few at a time: a browser opens six connections to a server, and each job that is followed holds one.

export class Turns {
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly most: number) {}

  /** Whether somebody who comes now must wait. */
  get full(): boolean {
    return this.running >= this.most;
  }

  /** Does `work` when it is its turn. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.full) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running += 1;
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next(); // the place is handed on
      else this.running -= 1;
    }
  }
}
