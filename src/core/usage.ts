/** Token counts as the upstream reported them, in the Messages API's terms; `undefined` is "not reported". */
export interface Usage {
  /** Input without what was read from or written to the cache. */
  inputTokens: number | undefined;
  cacheReadTokens: number | undefined;
  cacheWriteTokens: number | undefined;
  /** Output, reasoning included. */
  outputTokens: number | undefined;
  /** The part of the output that was reasoning, where it is told. */
  reasoningTokens: number | undefined;
}

export function emptyUsage(): Usage {
  return {
    inputTokens: undefined,
    cacheReadTokens: undefined,
    cacheWriteTokens: undefined,
    outputTokens: undefined,
    reasoningTokens: undefined,
  };
}
