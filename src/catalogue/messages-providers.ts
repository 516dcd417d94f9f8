import { CLAUDE_MODEL_QUIRKS } from './claude.ts';
import { type CatalogueEntry, remote } from './provider.ts';
import { NO_REASONING_KEPT, type PartialQuirks } from './quirks.ts';

/** Three efforts instead of the client's five. */
const LOW_HIGH_MAX = { low: 'low', medium: 'high', high: 'high', xhigh: 'max', max: 'max' } as const;

const KIMI_K2: PartialQuirks = { messages: { adaptiveThinking: false, effort: 'no' } };
/** Always thinks, with a switch that cannot be put to off. */
const KIMI_K2_ALWAYS_THINKING: PartialQuirks = { ...KIMI_K2, chat: { thinkingParam: 'none' } };
/** Always thinks, and most where nobody asks for less. */
const KIMI_K3: PartialQuirks = {
  chat: { thinkingParam: 'reasoning_effort', effortValues: { none: 'low', ...LOW_HIGH_MAX } },
};
const MINIMAX_M2: PartialQuirks = { messages: { adaptiveThinking: false, enabledThinking: true } };
/** Always thinks, and most where nobody asks for less. */
const GLM_ALWAYS_THINKING: PartialQuirks = {
  chat: {
    thinkingParam: 'reasoning_effort',
    effortValues: { none: 'low', ...LOW_HIGH_MAX },
    keepThinking: false,
  },
};
/** Companies that serve their own models, first of all in the Messages protocol. */
export const MESSAGES_PROVIDERS: readonly CatalogueEntry[] = [
  {
    id: 'anthropic',
    name: 'Anthropic',
    keyVariables: ['ANTHROPIC_API_KEY'],
    endpoints: [remote('anthropic-messages', 'https://api.anthropic.com', 'x-api-key')],
    models: {},
    takesClientNames: true,
    quirks: {
      anthropicGenuine: true,
      acceptsClientLogin: true,
      messages: {
        systemRole: 'keep',
        adaptiveThinking: true,
        effort: 'yes',
        outputFormat: true,
        serverTools: ['web_search', 'web_fetch', 'code_execution', 'bash_code_execution', 'tool_search', 'advisor'],
        typedTools: true,
        urlImages: true,
        documents: true,
        countTokens: true,
      },
    },
    modelQuirks: CLAUDE_MODEL_QUIRKS,
    docs: 'https://docs.claude.com/en/api/messages',
  },
  {
    id: 'deepseek',
    name: 'DeepSeek',
    keyVariables: ['DEEPSEEK_API_KEY'],
    endpoints: [
      remote('anthropic-messages', 'https://api.deepseek.com/anthropic', 'x-api-key'),
      remote('openai-chat', 'https://api.deepseek.com/v1'),
    ],
    models: { opus: 'deepseek-v4-pro', sonnet: 'deepseek-flash', haiku: 'deepseek-flash', fable: 'deepseek-v4-pro' },
    quirks: {
      messages: {
        historyThinking: 'require-on-tool-turns',
        effort: 'not-when-thinking-off',
        outputFormat: true,
        serverTools: ['web_search'],
        urlImages: true,
      },
      chat: {
        reasoningField: 'reasoning_content',
        // Beside tools, a turn without calls that has none is refused too.
        reasoningReplay: 'always',
        reasoningPlaceholder: NO_REASONING_KEPT,
        thinkingParam: 'thinking',
        effortValues: LOW_HIGH_MAX,
        thinkingByDefault: true,
        forcedToolWhileThinking: false,
        structuredOutputs: 'json_object',
        parallelToolCalls: false,
        textToolCalls: ['dsml', 'deepseek'],
        maxStopSequences: 16,
      },
    },
    docs: 'https://api-docs.deepseek.com/guides/anthropic_api',
  },
  {
    id: 'minimax',
    name: 'MiniMax',
    keyVariables: ['MINIMAX_API_KEY'],
    endpoints: [
      remote('anthropic-messages', 'https://api.minimaxi.com/anthropic'),
      remote('openai-chat', 'https://api.minimaxi.com/v1'),
    ],
    regions: {
      international: {
        baseUrls: {
          'anthropic-messages': 'https://api.minimax.io/anthropic',
          'openai-chat': 'https://api.minimax.io/v1',
        },
      },
    },
    models: { opus: 'MiniMax-M3', sonnet: 'MiniMax-M3', haiku: 'MiniMax-M2.7', fable: 'MiniMax-M3' },
    quirks: {
      messages: { adaptiveThinking: true, enabledThinking: false, minTemperature: 0.01 },
      chat: {
        maxTokensField: 'max_completion_tokens',
        minTemperature: 0.01,
        reasoningField: 'think-tags',
        reasoningReplay: 'always',
        thinkTags: true,
        thinkingParam: 'thinking',
        thinkingOnValue: 'adaptive',
        thinkingByDefault: true,
        effortValues: {},
        toolChoice: 'auto-only',
        parallelToolCalls: false,
        textToolCalls: ['minimax'],
      },
    },
    modelQuirks: {
      'MiniMax-M2.7': MINIMAX_M2,
      'MiniMax-M2.7-highspeed': MINIMAX_M2,
      'MiniMax-M2.5': MINIMAX_M2,
      'MiniMax-M2.5-highspeed': MINIMAX_M2,
    },
    docs: 'https://platform.minimax.io/docs/api-reference/text-anthropic-api',
  },
  {
    id: 'glm',
    aliases: ['zhipu', 'zai', 'z.ai', 'bigmodel'],
    name: 'GLM (Zhipu, Z.AI)',
    keyVariables: ['ZHIPU_API_KEY', 'ZAI_API_KEY'],
    endpoints: [
      remote('anthropic-messages', 'https://open.bigmodel.cn/api/anthropic'),
      remote('openai-chat', 'https://open.bigmodel.cn/api/paas/v4'),
    ],
    regions: {
      international: {
        baseUrls: {
          'anthropic-messages': 'https://api.z.ai/api/anthropic',
          'openai-chat': 'https://api.z.ai/api/paas/v4',
        },
        keyVariables: ['ZAI_API_KEY'],
      },
      'coding-plan': {
        baseUrls: {
          'anthropic-messages': 'https://api.z.ai/api/anthropic',
          'openai-chat': 'https://api.z.ai/api/coding/paas/v4',
        },
      },
    },
    models: { opus: 'glm-5.3', sonnet: 'glm-5.3', haiku: 'glm-5.3-flash', fable: 'glm-5.3' },
    quirks: {
      messages: { effort: 'yes', effortValues: LOW_HIGH_MAX, countTokens: true },
      chat: {
        reasoningField: 'reasoning_content',
        reasoningReplay: 'always',
        thinkingParam: 'thinking',
        thinkingByDefault: true,
        keepThinking: true,
        effortValues: {},
        toolChoice: 'auto-only',
        parallelToolCalls: false,
        structuredOutputs: 'json_object',
        textToolCalls: ['glm'],
        maxStopSequences: 1,
      },
    },
    modelQuirks: { 'glm-5.3': GLM_ALWAYS_THINKING, 'glm-5.3-flash': GLM_ALWAYS_THINKING },
    docs: 'https://docs.z.ai/devpack/tool/claude',
  },
  {
    id: 'kimi',
    aliases: ['moonshot', 'moonshotai'],
    name: 'Kimi (Moonshot)',
    keyVariables: ['KIMI_API_KEY', 'MOONSHOT_API_KEY'],
    endpoints: [
      remote('anthropic-messages', 'https://api.moonshot.ai/anthropic'),
      remote('openai-chat', 'https://api.moonshot.ai/v1'),
    ],
    regions: {
      cn: {
        baseUrls: {
          'anthropic-messages': 'https://api.moonshot.cn/anthropic',
          'openai-chat': 'https://api.moonshot.cn/v1',
        },
      },
      'coding-plan': {
        baseUrls: {
          'anthropic-messages': 'https://api.kimi.com/coding',
          'openai-chat': 'https://api.kimi.com/coding/v1',
        },
      },
    },
    models: { opus: 'kimi-k3', sonnet: 'kimi-k2.7-code', haiku: 'kimi-k2.6', fable: 'kimi-k3' },
    quirks: {
      messages: {
        adaptiveThinking: true,
        effort: 'yes',
        effortValues: LOW_HIGH_MAX,
        schemaDialect: 'moonshot',
        countTokens: true,
      },
      chat: {
        reasoningField: 'reasoning_content',
        reasoningReplay: 'tool-turns',
        reasoningPlaceholder: NO_REASONING_KEPT,
        thinkingParam: 'thinking',
        thinkingByDefault: true,
        effortValues: {},
        forcedToolWhileThinking: false,
        toolChoice: 'no-required',
        parallelToolCalls: false,
        structuredOutputs: 'json_object',
        schemaDialect: 'moonshot',
        textToolCalls: ['kimi'],
        prefill: 'partial',
        promptCacheKey: true,
        urlImages: false,
        // Thinking models take no other temperature than 1.
        sampling: false,
      },
    },
    modelQuirks: {
      'kimi-k3': KIMI_K3,
      'kimi-k3.1-pro': KIMI_K3,
      'kimi-k3.1-pro-highspeed': KIMI_K3,
      'kimi-k2.7-code': KIMI_K2_ALWAYS_THINKING,
      'kimi-k2.7-code-highspeed': KIMI_K2_ALWAYS_THINKING,
      'kimi-k2-thinking': KIMI_K2_ALWAYS_THINKING,
      'kimi-k2-thinking-turbo': KIMI_K2_ALWAYS_THINKING,
      'kimi-k2.6': KIMI_K2,
      'kimi-k2.5': KIMI_K2,
    },
    docs: 'https://platform.kimi.ai/docs/guide/agent-support',
  },
];
