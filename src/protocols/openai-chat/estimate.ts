import type { Envelope } from '../../core/messages.ts';

const CHARACTERS_PER_TOKEN = 4;
const IMAGE_TOKENS = 1_500;
const INLINE_DATA = /"data":"[A-Za-z0-9+/=]{512,}"/g;

/** Tokens of a text by its length: only where the provider tells nothing. */
export function estimateTokens(characters: number): number {
  return Math.max(1, Math.ceil(characters / CHARACTERS_PER_TOKEN));
}

/** Input tokens of a request by its length; a picture counts as a picture, not as its base64. */
export function estimateInput(env: Envelope): number {
  let inline = 0;
  let images = 0;
  for (const [data] of env.raw.toString('latin1').matchAll(INLINE_DATA)) {
    inline += data.length;
    images += 1;
  }
  return estimateTokens(env.raw.length - inline) + images * IMAGE_TOKENS;
}
