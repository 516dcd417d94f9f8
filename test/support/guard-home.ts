import { homedir } from 'node:os';
import { homeChanges, photographHome } from './temp-home.ts';

/** Around a whole run: it fails if a test touched the files of the user who runs it. */
export default function guardHome(): () => void {
  const strict = process.env.CI !== undefined;
  const before = photographHome(homedir(), strict);
  return () => {
    const changes = homeChanges(before, photographHome(homedir(), strict));
    if (changes.length === 0) return;
    process.exitCode = 1;
    throw new Error(`the tests touched the real home:\n  ${changes.join('\n  ')}`);
  };
}
