const LONG_BASE64 = /(\\?"data\\?"\s*:\s*\\?"|data:image\/[a-z+.-]+;base64,)[A-Za-z0-9+/=_-]{256,}/g;

/** Some tool bridges hand pictures over as JSON text; to a model without eyes that is megabytes of noise. */
export function shownText(text: string, vision: boolean): string {
  if (vision || text.length < 256 || !text.includes('image')) return text;
  return text.replace(LONG_BASE64, '$1[image omitted: the model cannot see images]');
}
