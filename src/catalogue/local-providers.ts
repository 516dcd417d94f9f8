import { type CatalogueEntry, local } from './provider.ts';

/** Runtimes on the user's machine, and the built-in simulation. Which models a runtime has is the user's affair. */
export const LOCAL_PROVIDERS: readonly CatalogueEntry[] = [
  {
    id: 'lmstudio',
    aliases: ['lm-studio'],
    name: 'LM Studio',
    keyVariables: [],
    endpoints: [local('anthropic-messages', 'http://localhost:1234'), local('openai-chat', 'http://localhost:1234/v1')],
    models: {},
    quirks: {
      messages: { toolResultImages: false },
      chat: {
        thinkTags: true,
        textToolCalls: ['hermes', 'qwen-xml', 'glm', 'llama', 'mistral', 'harmony'],
        topK: true,
        alternateRoles: true,
        toolChoice: 'no-named',
        imageTypes: ['image/jpeg', 'image/png', 'image/webp'],
      },
    },
    docs: 'https://lmstudio.ai/docs/developer/anthropic-compat',
  },
  {
    id: 'llamacpp',
    aliases: ['llama.cpp', 'llama-server'],
    name: 'llama.cpp',
    keyVariables: [],
    endpoints: [local('anthropic-messages', 'http://localhost:8080'), local('openai-chat', 'http://localhost:8080/v1')],
    models: {},
    // One model is loaded, and it answers to every name.
    takesClientNames: true,
    quirks: {
      // "Failed to initialize samplers: failed to parse grammar"
      messages: { countTokens: true, schemaDialect: 'grammar' },
      chat: {
        thinkTags: true,
        textToolCalls: ['hermes', 'qwen-xml', 'glm', 'llama', 'mistral', 'harmony'],
        topK: true,
        schemaDialect: 'grammar',
        urlImages: false,
        alternateRoles: true,
        // A name is taken for "auto".
        toolChoice: 'no-named',
        imageTypes: ['image/jpeg', 'image/png', 'image/gif', 'image/bmp'],
      },
    },
    docs: 'https://github.com/ggml-org/llama.cpp/tree/master/tools/server',
  },
  {
    id: 'ollama',
    name: 'Ollama',
    keyVariables: [],
    endpoints: [
      local('anthropic-messages', 'http://localhost:11434'),
      local('openai-chat', 'http://localhost:11434/v1'),
    ],
    models: {},
    quirks: {
      chat: {
        reasoningField: 'reasoning',
        reasoningReplay: 'tool-turns',
        thinkTags: true,
        urlImages: false,
        imageTypes: ['image/jpeg', 'image/png', 'image/webp'],
        parallelToolCalls: false,
        textToolCalls: ['hermes', 'qwen-xml', 'llama', 'harmony'],
        structuredOutputs: 'json_schema',
      },
    },
    docs: 'https://docs.ollama.com/api/anthropic-compatibility',
  },
  {
    id: 'vllm',
    name: 'vLLM',
    keyVariables: [],
    endpoints: [local('anthropic-messages', 'http://localhost:8000'), local('openai-chat', 'http://localhost:8000/v1')],
    models: {},
    quirks: {
      messages: { maxStopSequences: 4, urlImages: true, countTokens: true },
      chat: {
        reasoningField: 'reasoning',
        reasoningReplay: 'tool-turns',
        thinkTags: true,
        structuredOutputs: 'json_schema',
        textToolCalls: ['hermes', 'qwen-xml', 'kimi', 'glm', 'deepseek', 'minimax', 'llama', 'mistral', 'harmony'],
        topK: true,
        alternateRoles: true,
      },
    },
    docs: 'https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html',
  },
  {
    id: 'sglang',
    name: 'SGLang',
    keyVariables: [],
    endpoints: [
      local('anthropic-messages', 'http://localhost:30000'),
      local('openai-chat', 'http://localhost:30000/v1'),
    ],
    models: {},
    quirks: {
      messages: { urlImages: true },
      chat: {
        reasoningField: 'reasoning_content',
        reasoningReplay: 'tool-turns',
        thinkTags: true,
        structuredOutputs: 'json_schema',
        textToolCalls: ['hermes', 'qwen-xml', 'kimi', 'glm', 'deepseek', 'minimax', 'llama', 'mistral', 'harmony'],
        topK: true,
        alternateRoles: true,
      },
    },
    docs: 'https://docs.sglang.ai/basic_usage/openai_api_completions.html',
  },
  {
    id: 'cliproxyapi',
    name: 'CLIProxyAPI',
    keyVariables: [],
    endpoints: [local('anthropic-messages', 'http://localhost:8317', 'x-api-key')],
    models: {},
    takesClientNames: true,
    quirks: {
      messages: {
        adaptiveThinking: true,
        effort: 'yes',
        outputFormat: true,
        typedTools: true,
        urlImages: true,
        documents: true,
        countTokens: true,
      },
    },
    docs: 'https://github.com/router-for-me/CLIProxyAPI',
  },
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
    // It has no documentation of its own: it imitates this.
    docs: 'https://docs.claude.com/en/api/messages',
  },
];
