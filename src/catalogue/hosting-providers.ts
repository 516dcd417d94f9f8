import { type CatalogueEntry, remote } from './provider.ts';
import { NO_REASONING_KEPT, type PartialQuirks } from './quirks.ts';

/** "Reasoning is mandatory for this endpoint and cannot be disabled." */
const OPENROUTER_ALWAYS_REASONING = [
  'deepseek/deepseek-r1',
  'deepseek/deepseek-r1-0528',
  'google/gemini-2.5-pro',
  'google/gemini-3-pro-preview',
  'google/gemini-3.1-pro-preview',
  'google/gemini-3.7-flash',
  'minimax/minimax-m2',
  'minimax/minimax-m2.1',
  'minimax/minimax-m2.5',
  'minimax/minimax-m2.7',
  'moonshotai/kimi-k2-thinking',
  'moonshotai/kimi-k2.7-code',
  'moonshotai/kimi-k3',
  'openai/gpt-5',
  'openai/gpt-5-mini',
  'openai/gpt-5-nano',
  'stepfun/step-3.5-flash',
  'stepfun/step-3.5-flash:free',
];
const LITTLE_REASONING: PartialQuirks = {
  chat: { effortValues: { none: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'xhigh' } },
};

/** The details do not reach DeepSeek, which refuses turns without its own field. */
const DEEPSEEK_REASONING: PartialQuirks = {
  chat: { reasoningField: 'reasoning_content', reasoningPlaceholder: NO_REASONING_KEPT },
};

/** "A thinking-only model; disabling thinking is not supported", with 400. */
const THINKING_OF_GLM_AT_FIREWORKS: PartialQuirks = {
  messages: { disabledThinking: false },
  chat: { effortValues: { low: 'low', medium: 'high', high: 'high', xhigh: 'max', max: 'max' } },
};

/** Its thinking cannot be switched off. */
const THINKING_OF_GLM_AT_TOGETHER: PartialQuirks = {
  chat: {
    reasoningField: 'reasoning_content',
    thinkingParam: 'reasoning_effort',
    effortValues: { low: 'low', medium: 'medium', high: 'high', xhigh: 'max', max: 'max' },
  },
};

/** Models that think between tools want what they thought before, and some hosts refuse a turn without it. */
const REASONING_KEPT = { reasoningField: 'reasoning_content', reasoningReplay: 'tool-turns' } as const;

/** Behind the router it may be Groq or Cerebras that answers, which refuse the field. */
const NO_REASONING_BACK: PartialQuirks = { chat: { reasoningReplay: 'never' } };

const REASONING_OF_GROQ = { reasoningField: 'reasoning', reasoningReplay: 'tool-turns' } as const;

/** Companies that serve other people's models. */
export const HOSTING_PROVIDERS: readonly CatalogueEntry[] = [
  {
    id: 'openrouter',
    name: 'OpenRouter',
    keyVariables: ['OPENROUTER_API_KEY'],
    endpoints: [
      remote('anthropic-messages', 'https://openrouter.ai/api'),
      remote('openai-chat', 'https://openrouter.ai/api/v1'),
    ],
    models: {
      opus: 'anthropic/claude-opus-5.5',
      sonnet: 'anthropic/claude-sonnet-5.5',
      haiku: 'deepseek/deepseek-v4.1-flash',
      fable: 'anthropic/claude-opus-5.5',
    },
    quirks: {
      messages: {
        adaptiveThinking: true,
        effort: 'yes',
        outputFormat: true,
        serverTools: ['web_search'],
        urlImages: true,
        documents: true,
      },
      chat: {
        reasoningField: 'reasoning_details',
        reasoningReplay: 'always',
        thinkingParam: 'reasoning',
        effortValues: { low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'xhigh' },
        structuredOutputs: 'json_schema',
        cacheControl: true,
        pdf: true,
        topK: true,
      },
    },
    modelQuirks: {
      ...Object.fromEntries(OPENROUTER_ALWAYS_REASONING.map((model) => [model, LITTLE_REASONING])),
      'deepseek/deepseek-v4-pro': DEEPSEEK_REASONING,
      'deepseek/deepseek-v4-flash': DEEPSEEK_REASONING,
      'deepseek/deepseek-v4.1-flash': DEEPSEEK_REASONING,
    },
    docs: 'https://openrouter.ai/docs/guides/guides/claude-code-integration',
  },
  {
    id: 'fireworks',
    aliases: ['fireworks-ai'],
    name: 'Fireworks',
    keyVariables: ['FIREWORKS_API_KEY'],
    endpoints: [
      remote('anthropic-messages', 'https://api.fireworks.ai/inference'),
      remote('openai-chat', 'https://api.fireworks.ai/inference/v1'),
    ],
    models: {
      opus: 'accounts/fireworks/models/glm-5p3',
      sonnet: 'accounts/fireworks/models/kimi-k2p7-code',
      haiku: 'accounts/fireworks/models/glm-5p3-flash',
      fable: 'accounts/fireworks/models/glm-5p3',
    },
    quirks: {
      chat: {
        ...REASONING_KEPT,
        thinkingParam: 'reasoning_effort',
        structuredOutputs: 'json_schema',
        promptCacheKey: true,
        topK: true,
        // "Requests with max_tokens > 4096 must have stream=true".
        maxTokensUnstreamed: 4096,
      },
    },
    modelQuirks: {
      'accounts/fireworks/models/glm-5p3': THINKING_OF_GLM_AT_FIREWORKS,
      'accounts/fireworks/models/glm-5p3-flash': THINKING_OF_GLM_AT_FIREWORKS,
    },
    docs: 'https://docs.fireworks.ai/tools-sdks/anthropic-compatibility',
  },
  {
    id: 'friendliai',
    aliases: ['friendli'],
    name: 'FriendliAI',
    keyVariables: ['FRIENDLIAI_API_KEY', 'FRIENDLI_TOKEN'],
    endpoints: [
      remote('anthropic-messages', 'https://api.friendli.ai/serverless'),
      remote('openai-chat', 'https://api.friendli.ai/serverless/v1'),
    ],
    models: {
      opus: 'zai-org/GLM-5.3',
      sonnet: 'zai-org/GLM-5.3',
      haiku: 'zai-org/GLM-5.3-Flash',
      fable: 'zai-org/GLM-5.3',
    },
    quirks: {
      chat: {
        ...REASONING_KEPT,
        thinkingParam: 'reasoning_effort',
        effortValues: { low: 'low', medium: 'high', high: 'high', xhigh: 'max', max: 'max' },
      },
    },
    docs: 'https://friendli.ai/docs/openapi/model-apis/chat-completions',
  },
  {
    id: 'siliconflow',
    name: 'SiliconFlow',
    keyVariables: ['SILICONFLOW_API_KEY'],
    endpoints: [
      remote('openai-chat', 'https://api.siliconflow.cn/v1'),
      remote('anthropic-messages', 'https://api.siliconflow.cn'),
    ],
    regions: {
      international: {
        baseUrls: {
          'openai-chat': 'https://api.siliconflow.com/v1',
          'anthropic-messages': 'https://api.siliconflow.com',
        },
      },
    },
    models: {
      opus: 'deepseek-ai/DeepSeek-V4-Pro',
      sonnet: 'zai-org/GLM-5.2',
      haiku: 'deepseek-ai/DeepSeek-V4-Flash',
      fable: 'deepseek-ai/DeepSeek-V4-Pro',
    },
    quirks: {
      chat: {
        // `enable_thinking` is refused by every model but the ones that the documentation names.
        thinkingParam: 'none',
        structuredOutputs: 'json_object',
        parallelToolCalls: false,
        textToolCalls: ['deepseek', 'glm'],
        topK: true,
      },
    },
    docs: 'https://docs.siliconflow.com/en/api-reference/chat-completions/chat-completions',
  },
  {
    id: 'groq',
    name: 'Groq',
    keyVariables: ['GROQ_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.groq.com/openai/v1')],
    models: {
      opus: 'openai/gpt-oss-120b',
      sonnet: 'openai/gpt-oss-120b',
      haiku: 'openai/gpt-oss-20b',
      fable: 'openai/gpt-oss-120b',
    },
    quirks: {
      chat: {
        maxTokensField: 'max_completion_tokens',
        emptyAssistantContent: 'empty-string',
        structuredOutputs: 'json_schema',
        responseFormatAlone: ['tools', 'stream'],
        textToolCalls: ['llama'],
        // Qwen's reasoning is text unless there are tools.
        thinkTags: true,
      },
    },
    // Models that do not reason refuse the field.
    modelQuirks: {
      'openai/gpt-oss-120b': { chat: { ...REASONING_OF_GROQ, thinkingParam: 'reasoning_effort' } },
      'openai/gpt-oss-20b': { chat: { ...REASONING_OF_GROQ, thinkingParam: 'reasoning_effort' } },
      'qwen/qwen3.8-27b': {
        chat: {
          ...REASONING_OF_GROQ,
          thinkingParam: 'reasoning_effort',
          effortValues: { none: 'none', low: 'default', medium: 'default', high: 'default' },
        },
      },
    },
    docs: 'https://console.groq.com/docs/openai',
  },
  {
    id: 'cerebras',
    name: 'Cerebras',
    keyVariables: ['CEREBRAS_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.cerebras.ai/v1')],
    models: { opus: 'zai-glm-4.7', sonnet: 'zai-glm-4.7', haiku: 'qwen-3.8-27b', fable: 'zai-glm-4.7' },
    quirks: {
      chat: {
        maxTokensField: 'max_completion_tokens',
        emptyAssistantContent: 'empty-string',
        structuredOutputs: 'json_schema',
        responseFormatAlone: ['tools'],
        schemaDialect: 'strict',
        promptCacheKey: true,
        urlImages: false,
        thinkTags: true,
      },
    },
    modelQuirks: {
      'zai-glm-4.7': {
        chat: {
          // No field for reasoning is accepted: the model's own tags carry it.
          reasoningField: 'think-tags',
          reasoningReplay: 'tool-turns',
          thinkingParam: 'reasoning_effort',
          effortValues: { none: 'none' },
        },
      },
      'qwen-3.8-27b': {
        chat: {
          thinkingParam: 'reasoning_effort',
          effortValues: { none: 'none', low: 'low', medium: 'medium', high: 'high', xhigh: 'high', max: 'high' },
        },
      },
    },
    docs: 'https://inference-docs.cerebras.ai/resources/openai',
  },
  {
    id: 'together',
    aliases: ['togetherai', 'together-ai'],
    name: 'Together',
    keyVariables: ['TOGETHER_API_KEY'],
    endpoints: [remote('openai-chat', 'https://api.together.xyz/v1')],
    models: {
      opus: 'zai-org/GLM-5.3',
      sonnet: 'moonshotai/Kimi-K2.7-Code',
      haiku: 'deepseek-ai/DeepSeek-V4.1-Flash',
      fable: 'zai-org/GLM-5.3',
    },
    quirks: {
      chat: {
        reasoningField: 'reasoning',
        reasoningReplay: 'tool-turns',
        thinkingParam: 'reasoning',
        // Only `reasoning: {enabled}` is documented for every model.
        effortValues: {},
        structuredOutputs: 'json_schema',
        parallelToolCalls: false,
        topK: true,
      },
    },
    modelQuirks: {
      'zai-org/GLM-5.3': THINKING_OF_GLM_AT_TOGETHER,
      'zai-org/GLM-5.3-Flash': THINKING_OF_GLM_AT_TOGETHER,
    },
    docs: 'https://docs.together.ai/reference/chat-completions',
  },
  {
    id: 'nvidia-nim',
    aliases: ['nim', 'nvidia'],
    name: 'NVIDIA NIM',
    keyVariables: ['NVIDIA_NIM_API_KEY', 'NVIDIA_API_KEY'],
    endpoints: [remote('openai-chat', 'https://integrate.api.nvidia.com/v1')],
    models: {
      opus: 'moonshotai/kimi-k3',
      sonnet: 'z-ai/glm-5.1',
      haiku: 'deepseek-ai/deepseek-v4-flash-0731',
      fable: 'moonshotai/kimi-k3',
    },
    // Each model has a closed schema of its own: nothing beyond the common fields is sent.
    quirks: {
      chat: {
        ...REASONING_KEPT,
        parallelToolCalls: false,
        thinkTags: true,
        textToolCalls: ['kimi', 'glm', 'deepseek'],
        alternateRoles: true,
      },
    },
    docs: 'https://docs.api.nvidia.com/nim/reference/llm-apis',
  },
  {
    id: 'huggingface',
    aliases: ['hf'],
    name: 'Hugging Face',
    keyVariables: ['HF_TOKEN'],
    endpoints: [remote('openai-chat', 'https://router.huggingface.co/v1')],
    models: {
      opus: 'zai-org/GLM-5.3',
      sonnet: 'moonshotai/Kimi-K2.7-Code',
      haiku: 'deepseek-ai/DeepSeek-V4.1-Flash',
      fable: 'zai-org/GLM-5.3',
    },
    // What is behind the router changes from model to model: only the common fields are sent.
    quirks: { chat: { ...REASONING_KEPT, parallelToolCalls: false, thinkTags: true, alternateRoles: true } },
    modelQuirks: {
      'openai/gpt-oss-120b': NO_REASONING_BACK,
      'openai/gpt-oss-20b': NO_REASONING_BACK,
      'zai-org/GLM-4.7': NO_REASONING_BACK,
      'google/gemma-4-31B-it': NO_REASONING_BACK,
      'Qwen/Qwen3-32B': NO_REASONING_BACK,
    },
    docs: 'https://huggingface.co/docs/inference-providers',
  },
  {
    id: 'novita',
    aliases: ['novita-ai'],
    name: 'Novita',
    keyVariables: ['NOVITA_API_KEY'],
    endpoints: [
      remote('openai-chat', 'https://api.novita.ai/openai/v1'),
      remote('anthropic-messages', 'https://api.novita.ai/anthropic'),
    ],
    models: {
      opus: 'zai-org/glm-5.3',
      sonnet: 'zai-org/glm-5.3',
      haiku: 'deepseek/deepseek-v4-flash',
      fable: 'zai-org/glm-5.3',
    },
    quirks: { chat: { ...REASONING_KEPT, parallelToolCalls: false, structuredOutputs: 'json_object', topK: true } },
    docs: 'https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion',
  },
  {
    id: 'deepinfra',
    name: 'DeepInfra',
    keyVariables: ['DEEPINFRA_API_KEY', 'DEEPINFRA_TOKEN'],
    endpoints: [
      remote('openai-chat', 'https://api.deepinfra.com/v1/openai'),
      remote('anthropic-messages', 'https://api.deepinfra.com/anthropic'),
    ],
    models: {
      opus: 'deepseek-ai/DeepSeek-V4-Pro-0813',
      sonnet: 'Qwen/Qwen3.8-Max',
      haiku: 'deepseek-ai/DeepSeek-V4.1-Flash',
      fable: 'deepseek-ai/DeepSeek-V4-Pro-0813',
    },
    quirks: {
      chat: {
        ...REASONING_KEPT,
        thinkingParam: 'reasoning_effort',
        effortValues: { none: 'none', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'xhigh' },
        structuredOutputs: 'json_object',
        parallelToolCalls: false,
        promptCacheKey: true,
        topK: true,
      },
    },
    docs: 'https://docs.deepinfra.com/chat/overview',
  },
];
