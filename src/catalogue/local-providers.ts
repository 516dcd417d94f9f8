import { type CatalogueEntry, local } from './provider.ts';

/** Runtimes on the user's machine, and the built-in simulation. */
export const LOCAL_PROVIDERS: readonly CatalogueEntry[] = [
  {
    id: 'sandbox',
    name: 'Sandbox (built in)',
    keyVariables: [],
    // Nobody's address: the gateway puts the built-in server's in its place when it runs.
    endpoints: [
      local('anthropic-messages', 'http://sandbox.invalid'),
      local('openai-chat', 'http://sandbox.invalid/v1'),
    ],
    models: { opus: 'sandbox-sage', sonnet: 'sandbox-sage', haiku: 'sandbox-swift', fable: 'sandbox-sage' },
    quirks: {
      messages: { systemRole: 'keep', adaptiveThinking: true, effort: 'yes', outputFormat: true, urlImages: true },
    },
    docs: 'https://github.com/midswap/midswap/blob/main/docs/providers.md',
  },
];
