/** Input of a call of the history as the object that it has to be, whatever a broken stream once left behind. */
export function callInput(input: unknown): Record<string, unknown> {
  if (isObject(input)) return input;
  if (typeof input !== 'string' || input.trim() === '') return {};
  try {
    const parsed: unknown = JSON.parse(input);
    if (isObject(parsed)) return parsed;
  } catch {
    // Kept as it is below.
  }
  return { raw_arguments: input };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
