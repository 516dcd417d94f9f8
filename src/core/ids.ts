/** Source of random bytes; a parameter of everything that mints an id, so that tests are repeatable. */
export type RandomBytes = (count: number) => Uint8Array;

/** Mints an id with the given prefix: `mint('msg')` gives `msg_` and 24 characters of `[A-Za-z0-9]`. */
export type MintId = (prefix: string) => string;

/** Without vowels and look-alikes: a session id is typed by hand and must not spell anything. */
const TYPABLE = 'bcdfghjkmnpqrstvwxyz23456789';

/** Ids that match `[A-Za-z0-9_-]+`, as the client and the Messages API demand of message and tool ids. */
export function idMinter(random: RandomBytes): MintId {
  // The two characters of the alphabet that are no letters are not liked everywhere: a few bits less.
  return (prefix) => `${prefix}_${Buffer.from(random(18)).toString('base64url').replace(/[-_]/g, 'x')}`;
}

/** The same source, asked for many bytes at a time: a call to the system's generator costs more than an id. */
export function pooledRandom(random: RandomBytes, size = 4096): RandomBytes {
  let pool: Uint8Array = new Uint8Array(0);
  let used = 0;
  return (count) => {
    if (count > size) return random(count);
    if (used + count > pool.length) {
      pool = random(size);
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
}

/** A short id for people to type: four characters, the first a letter. */
export function shortId(random: RandomBytes): string {
  const bytes = random(4);
  return pick(TYPABLE.slice(0, 20), bytes.subarray(0, 1)) + pick(TYPABLE, bytes.subarray(1));
}

/** A secret for URLs and headers: 43 characters of base64url, 256 bits. */
export function secretToken(random: RandomBytes): string {
  return Buffer.from(random(32)).toString('base64url');
}

function pick(alphabet: string, bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += alphabet[byte % alphabet.length];
  return out;
}
