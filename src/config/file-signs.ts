import { statSync } from 'node:fs';

/** What tells a file from another state of it, without reading it. */
export function signsOf(files: readonly string[]): string {
  return files
    .map((file) => {
      try {
        const { mtimeNs, size, ino, mode } = statSync(file, { bigint: true });
        return `${mtimeNs} ${size} ${ino} ${mode}`;
      } catch {
        return '';
      }
    })
    .join('\n');
}
