/** The words as one line for a POSIX shell, which the client uses on Windows too. */
export function shellCommand(words: readonly string[]): string {
  return words
    .map((word) => (/^[A-Za-z0-9_./:@=+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}
