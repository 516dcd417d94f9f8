import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Ends what a full-screen program may have switched on: alternate screen, bracketed paste, focus and mouse reports,
 * extended key reports (xterm's and kitty's); shows the cursor and resets colours.
 */
const RESET =
  '\u001b[?1049l\u001b[?2004l\u001b[?1004l\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[>4;0m\u001b[<u\u001b[?25h\u001b[0m';

/** Makes the terminal usable after a client that could not clean up. Does nothing where there is none. */
export function restoreTerminal(): void {
  if (!isatty(0) || !isatty(1)) return;
  try {
    writeSync(1, RESET);
    if (process.platform !== 'win32') spawnSync('stty', ['sane'], { stdio: ['inherit', 'ignore', 'ignore'] });
  } catch {
    // The terminal is gone, and with it what there was to restore.
  }
}
