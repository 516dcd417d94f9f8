/** Somebody who holds the demo's conversation: the real client, or the small one that is built in. */
export interface DemoClient {
  /** For people: `Claude Code 2.1.329`. */
  readonly name: string;
  /** A tool it has and what to call it with. */
  readonly tool: { readonly name: string; readonly input: unknown };
  /** Sends a prompt, runs the tools that are asked for, and gives the answer's text. Rejects after a minute. */
  ask(prompt: string): Promise<DemoAnswer>;
  close(): Promise<void>;
}

export interface DemoAnswer {
  readonly text: string;
  /** Names of the tools that ran. */
  readonly tools: readonly string[];
}

export const ASK_TIMEOUT_MS = 60_000;
