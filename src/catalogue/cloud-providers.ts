import { type CatalogueEntry, remote } from './provider.ts';

/** Companies that serve their own models. */
export const CLOUD_PROVIDERS: readonly CatalogueEntry[] = [
  {
    id: 'anthropic',
    aliases: ['claude'],
    name: 'Anthropic',
    keyVariables: ['ANTHROPIC_API_KEY'],
    endpoints: [remote('anthropic-messages', 'https://api.anthropic.com', 'x-api-key')],
    models: {},
    noModels: "The client's own model names are passed through.",
    quirks: {
      anthropicGenuine: true,
      acceptsClientLogin: true,
      messages: {
        systemRole: 'keep',
        adaptiveThinking: true,
        effort: 'yes',
        outputFormat: true,
        serverTools: ['web_search', 'web_fetch', 'code_execution', 'bash_code_execution', 'tool_search', 'advisor'],
        urlImages: true,
        documents: true,
        countTokens: true,
      },
    },
    docs: 'https://docs.claude.com/en/api/messages',
  },
];
