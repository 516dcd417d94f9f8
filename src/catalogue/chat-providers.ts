import { type CatalogueEntry, remote } from './provider.ts';
import type { PartialQuirks } from './quirks.ts';

/** It thinks always: the least it can be asked for is little. */
const EFFORT_OF_GROK: PartialQuirks = {
  chat: {
    thinkingParam: 'reasoning_effort',
    effortValues: { none: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'xhigh' },
  },
};

const REASONING_OF_MISTRAL: PartialQuirks = {
  chat: {
    reasoningField: 'thinking-parts',
    reasoningReplay: 'tool-turns',
    thinkingParam: 'reasoning_effort',
    effortValues: { none: 'none', low: 'high', medium: 'high', high: 'high', xhigh: 'high', max: 'high' },
  },
};

/** Refuses to be told not to think, and JSON mode while it does. */
const QWEN_ALWAYS_THINKING: PartialQuirks = { chat: { thinkingParam: 'none' } };

/** Checks no signatures. */
const GEMINI_2: PartialQuirks = { chat: { unsignedCalls: undefined } };

/** Companies that serve their own models, first of all in Chat Completions. */
export const CHAT_PROVIDERS: readonly CatalogueEntry[] = [
  {
    id: 'qwen',
    aliases: ['dashscope', 'alibaba'],
    name: 'Qwen (DashScope)',
    keyVariables: ['DASHSCOPE_API_KEY', 'QWEN_API_KEY'],
    endpoints: [
      remote('openai-chat', 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1'),
      remote('anthropic-messages', 'https://dashscope-intl.aliyuncs.com/apps/anthropic'),
    ],
    regions: {
      cn: {
        baseUrls: {
          'openai-chat': 'https://dashscope.aliyuncs.com/compatible-mode/v1',
          'anthropic-messages': 'https://dashscope.aliyuncs.com/apps/anthropic',
        },
      },
    },
    models: { opus: 'qwen3.8-max', sonnet: 'qwen3.7-plus', haiku: 'qwen3.6-flash', fable: 'qwen3.8-max' },
    quirks: {
      chat: {
        reasoningField: 'reasoning_content',
        thinkingParam: 'enable_thinking',
        thinkingByDefault: true,
        thinkingNeedsStream: true,
        forcedToolWhileThinking: false,
        structuredOutputs: 'json_object',
        responseFormatAlone: ['thinking'],
        cacheControl: true,
        emptyAssistantContent: 'empty-string',
        textToolCalls: ['hermes', 'qwen-xml'],
        topK: true,
      },
    },
    modelQuirks: {
      'qwen3-235b-a22b-thinking-2507': QWEN_ALWAYS_THINKING,
      'qwen3-30b-a3b-thinking-2507': QWEN_ALWAYS_THINKING,
      'qwen3-next-80b-a3b-thinking': QWEN_ALWAYS_THINKING,
      'qwq-plus': QWEN_ALWAYS_THINKING,
    },
    docs: 'https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope',
  },
  {
    id: 'openai',
    name: 'OpenAI',
    keyVariables: ['OPENAI_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.openai.com/v1')],
    models: { opus: 'gpt-5.6-sol', sonnet: 'gpt-5.6-terra', haiku: 'gpt-5.6-luna', fable: 'gpt-5.6-sol' },
    quirks: { chat: openaiChat() },
    modelQuirks: openaiModels(),
    docs: 'https://platform.openai.com/docs/api-reference/chat',
  },
  {
    id: 'azure-openai',
    aliases: ['azure'],
    name: 'Azure OpenAI',
    keyVariables: ['AZURE_OPENAI_API_KEY'],
    endpoints: [remote('openai-chat', 'https://your-resource.openai.azure.com/openai/v1', 'api-key')],
    needsBaseUrl: true,
    // Models are deployments, which the user names.
    models: {},
    // Files are taken in its Responses API only.
    quirks: { chat: { ...openaiChat(), pdf: false } },
    modelQuirks: openaiModels(),
    docs: 'https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle',
  },
  {
    id: 'mistral',
    name: 'Mistral',
    keyVariables: ['MISTRAL_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.mistral.ai/v1')],
    models: {
      opus: 'mistral-medium-3.5',
      sonnet: 'mistral-medium-3.5',
      haiku: 'mistral-small-latest',
      fable: 'mistral-medium-3.5',
    },
    quirks: {
      chat: {
        toolIdPattern: '^[a-zA-Z0-9]{9}$',
        toolIdMaxLength: 9,
        assistantBetweenToolAndUser: true,
        alternateRoles: true,
        prefill: 'prefix',
        structuredOutputs: 'json_schema',
        // Usage comes with the last chunk unasked.
        usageInStream: false,
      },
    },
    modelQuirks: {
      'mistral-medium-3.5': REASONING_OF_MISTRAL,
      'mistral-medium-3-5': REASONING_OF_MISTRAL,
      'mistral-large-4': REASONING_OF_MISTRAL,
      'mistral-small-latest': REASONING_OF_MISTRAL,
      'mistral-small-2603': REASONING_OF_MISTRAL,
    },
    docs: 'https://docs.mistral.ai/api/',
  },
  {
    id: 'xai',
    aliases: ['grok'],
    name: 'xAI',
    keyVariables: ['XAI_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.x.ai/v1')],
    models: { opus: 'grok-4.7', sonnet: 'grok-4.7', haiku: 'grok-4.3', fable: 'grok-4.7' },
    quirks: {
      chat: {
        structuredOutputs: 'json_schema',
        stop: false,
        imageTypes: ['image/jpeg', 'image/png'],
        // "Each message must have at least one content element."
        emptyAssistantContent: 'empty-string',
      },
    },
    modelQuirks: {
      'grok-4.3': {
        chat: {
          thinkingParam: 'reasoning_effort',
          effortValues: { none: 'none', low: 'low', medium: 'medium', high: 'high', xhigh: 'high', max: 'high' },
        },
      },
      'grok-4.5': {
        chat: {
          thinkingParam: 'reasoning_effort',
          effortValues: { none: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'high', max: 'high' },
        },
      },
      'grok-4.6': EFFORT_OF_GROK,
      'grok-4.7': EFFORT_OF_GROK,
    },
    docs: 'https://docs.x.ai/docs/api-reference',
  },
  {
    id: 'gemini',
    aliases: ['google'],
    name: 'Google Gemini',
    keyVariables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY'],
    endpoints: [remote('openai-chat', 'https://generativelanguage.googleapis.com/v1beta/openai')],
    models: {
      opus: 'gemini-3.1-pro-preview',
      sonnet: 'gemini-3.8-flash',
      haiku: 'gemini-3.1-flash-lite',
      fable: 'gemini-3.1-pro-preview',
    },
    quirks: {
      chat: {
        thinkingParam: 'reasoning_effort',
        effortValues: { none: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'high', max: 'high' },
        // What Gemini 3 is told of calls that it did not make: ai.google.dev/gemini-api/docs/thought-signatures
        unsignedCalls: 'skip_thought_signature_validator',
        schemaDialect: 'gemini',
        structuredOutputs: 'json_schema',
        parallelToolCalls: false,
        urlImages: false,
      },
    },
    modelQuirks: {
      'gemini-2.5-pro': GEMINI_2,
      'gemini-2.5-flash': GEMINI_2,
      'gemini-2.5-flash-lite': GEMINI_2,
    },
    docs: 'https://ai.google.dev/gemini-api/docs/openai',
  },
  {
    id: 'perplexity',
    name: 'Perplexity',
    keyVariables: ['PERPLEXITY_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.perplexity.ai')],
    // No tools: good for a web search route, not for the main conversation.
    models: { opus: 'sonar-reasoning-pro', sonnet: 'sonar-pro', haiku: 'sonar', fable: 'sonar-reasoning-pro' },
    quirks: {
      chat: {
        alternateRoles: true,
        tools: false,
        parallelToolCalls: false,
        structuredOutputs: 'json_schema',
        thinkTags: true,
        usageInStream: false,
      },
    },
    docs: 'https://docs.perplexity.ai/api-reference/chat-completions-post',
  },
];

function openaiChat(): PartialQuirks['chat'] & object {
  return {
    maxTokensField: 'max_completion_tokens',
    systemPosition: 'any',
    // From GPT-5.4 on, function tools are refused in Chat Completions beside any effort but "none".
    thinkingParam: 'reasoning_effort',
    effortValues: { none: 'none', low: 'none', medium: 'none', high: 'none', xhigh: 'none', max: 'none' },
    thinkingByDefault: true,
    toolIdMaxLength: 40,
    maxTools: 128,
    schemaDialect: 'openai',
    strictTools: true,
    pdf: true,
    structuredOutputs: 'json_schema',
    promptCacheKey: true,
    sampling: false,
    stop: false,
  };
}

/** Models before GPT-5.4 think beside tools. Each goes by its name and by those of its snapshots. */
function openaiModels(): Readonly<Record<string, PartialQuirks>> {
  const words = { low: 'low', medium: 'medium', high: 'high', max: 'high' } as const;
  const five: PartialQuirks = { chat: { effortValues: { none: 'minimal', ...words, xhigh: 'high' } } };
  const fiveOne: PartialQuirks = { chat: { effortValues: { none: 'none', ...words, xhigh: 'high' } } };
  const fiveTwo: PartialQuirks = { chat: { effortValues: { none: 'none', ...words, xhigh: 'xhigh', max: 'xhigh' } } };
  // Those of ChatGPT know one effort, or none.
  const ofChat: PartialQuirks = { chat: { thinkingParam: 'none' } };
  const o: PartialQuirks = {
    chat: { effortValues: { none: 'low', ...words, xhigh: 'high' }, parallelToolCalls: false },
  };
  const older: PartialQuirks = { chat: { thinkingParam: 'none', sampling: true, stop: true } };
  return {
    ...each(five, 'gpt-5', '2025-08-07'),
    ...each(five, 'gpt-5-mini', '2025-08-07'),
    ...each(five, 'gpt-5-nano', '2025-08-07'),
    ...each(fiveOne, 'gpt-5.1', '2025-11-13'),
    ...each(fiveTwo, 'gpt-5.2', '2025-12-11'),
    ...each(ofChat, 'gpt-5-chat-latest'),
    ...each(ofChat, 'gpt-5.1-chat-latest'),
    ...each(ofChat, 'gpt-5.2-chat-latest'),
    ...each(o, 'o1', '2024-12-17'),
    ...each(o, 'o3', '2025-04-16'),
    ...each(o, 'o3-mini', '2025-01-31'),
    ...each(o, 'o4-mini', '2025-04-16'),
    ...each(older, 'gpt-4.1', '2025-04-14'),
    ...each(older, 'gpt-4.1-mini', '2025-04-14'),
    ...each(older, 'gpt-4.1-nano', '2025-04-14'),
    ...each(older, 'gpt-4o', '2024-05-13', '2024-08-06', '2024-11-20'),
    ...each(older, 'gpt-4o-mini', '2024-07-18'),
    ...each(older, 'gpt-4-turbo', '2024-04-09'),
  };
}

function each(quirks: PartialQuirks, model: string, ...snapshots: readonly string[]): Record<string, PartialQuirks> {
  return Object.fromEntries([model, ...snapshots.map((date) => `${model}-${date}`)].map((name) => [name, quirks]));
}
