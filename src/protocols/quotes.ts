/** Whether text that comes next stands in a code span or a code fence. */
export class Quotes {
  #inFence = false;
  #inSpan = false;
  /** Length of the run of backticks at the end, which may go on. */
  #run = 0;
  #afterNewline = false;

  get isQuoted(): boolean {
    return this.#run > 0 || this.#inFence || this.#inSpan;
  }

  push(text: string): void {
    for (const letter of text) {
      if (letter === '`') {
        this.#run += 1;
        continue;
      }
      if (this.#run > 0) this.#endRun();
      // A code span does not go over the end of a paragraph.
      if (letter === '\n' && this.#afterNewline) this.#inSpan = false;
      this.#afterNewline = letter === '\n';
    }
  }

  #endRun(): void {
    if (this.#run >= 3) {
      this.#inFence = !this.#inFence;
      this.#inSpan = false;
    } else if (!this.#inFence) this.#inSpan = !this.#inSpan;
    this.#run = 0;
    this.#afterNewline = false;
  }
}
