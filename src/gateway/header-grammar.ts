/** A header's name (RFC 9110, section 5.1). */
export const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What no header's value may hold: NUL, line ends, other control characters (RFC 9110, section 5.5). */
export const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The value that begins at `from`, without the spaces and tabs around it; `trim` would take other characters too. */
export function headerValue(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start++;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
