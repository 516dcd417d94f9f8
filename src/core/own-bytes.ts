/**
 * Bytes that may be kept for long. A small buffer is mostly a part of a larger piece of memory, a pool or what a socket
 * read at once, and keeps all of that: then they are copied.
 */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
