/** One example of each tool's configuration: files below a home, the path that is given, keys that must not be shown. */
export interface Example {
  readonly rival: string;
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  /** Below the home; where the tool keeps it by default without one. */
  readonly path?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Every key in the examples is of this form, and nothing else is. */
export const KEY = /k3y-[a-z]+-0123456789/g;

export const EXAMPLES: readonly Example[] = [
  {
    rival: 'ccr',
    title: 'claude-code-router',
    files: {
      '.claude-code-router/config.json': `{
  // mine
  "APIKEY": "k3y-server-0123456789", "LOG": true, "API_TIMEOUT_MS": 600000,
  "PROXY_URL": "http://me:k3y-proxy-0123456789@127.0.0.1:7890",
  "CUSTOM_ROUTER_PATH": "$HOME/router.js",
  "Providers": [
    { "name": "openrouter", "api_base_url": "https://openrouter.ai/api/v1/chat/completions",
      "api_key": "k3y-or-0123456789", "models": ["google/gemini-2.5-pro", "x/y"], "transformer": { "use": ["openrouter"] } },
    { "name": "deepseek", "api_base_url": "https://api.deepseek.com/chat/completions", "api_key": "$DEEPSEEK_API_KEY",
      "models": ["deepseek-chat"], "transformer": { "use": ["deepseek"], "deepseek-chat": { "use": ["tooluse"] } } },
    { "name": "ollama", "api_base_url": "http://localhost:11434/v1/chat/completions", "api_key": "ollama", "models": ["qwen"] },
    { "name": "gemini", "api_base_url": "https://generativelanguage.googleapis.com/v1beta/models/",
      "api_key": "\${MY_GEMINI}", "models": ["gemini-2.5-flash"], "transformer": { "use": ["gemini"] } },
    { "name": "ark", "api_base_url": "https://ark.example.com/api/v3/chat/completions", "api_key": "k3y-ark-0123456789",
      "models": ["seed"] },
    { "name": "relay", "api_base_url": "https://relay.example.com/v1/messages", "api_key": "k3y-relay-0123456789",
      "models": ["claude-x"], "transformer": { "use": ["Anthropic"] } },
  ],
  "Router": { "default": "deepseek,deepseek-chat", "background": "ollama,qwen", "think": "ark,seed",
    "longContext": "openrouter,google/gemini-2.5-pro", "longContextThreshold": 50000,
    "webSearch": "gemini,gemini-2.5-flash", "image": "nobody,nothing" }
}`,
    },
  },
  {
    rival: 'ccs',
    title: 'CCS, YAML',
    files: {
      '.ccs/config.yaml': `version: 13
default: glm
accounts:
  work: { created: "2026-01-01", last_used: null }
profiles:
  glm: { type: api, settings: "~/.ccs/glm.settings.json" }
  km: { settings_file: km.settings.json, target: codex }
  lost: { type: api, settings: "~/.ccs/lost.settings.json" }
  bad: { type: api, settings: "~/.ccs/bad.settings.json" }
cliproxy:
  variants:
    flash: { provider: gemini }
preferences: { theme: dark }
`,
      '.ccs/glm.settings.json': JSON.stringify({
        env: {
          ANTHROPIC_BASE_URL: 'https://api.z.ai/api/anthropic',
          ANTHROPIC_AUTH_TOKEN: 'k3y-glm-0123456789',
          ANTHROPIC_MODEL: 'glm-5.2',
          ANTHROPIC_DEFAULT_OPUS_MODEL: 'glm-5.2[1m]',
          ANTHROPIC_DEFAULT_HAIKU_MODEL: 'glm-5.1',
          API_TIMEOUT_MS: '3000000',
        },
        permissions: { allow: ['Edit'] },
      }),
      '.ccs/km.settings.json': JSON.stringify({
        env: {
          ANTHROPIC_BASE_URL: 'https://km.example.com/coding/',
          ANTHROPIC_AUTH_TOKEN: 'k3y-km-0123456789',
          ANTHROPIC_MODEL: 'km-2',
        },
      }),
      '.ccs/bad.settings.json': '{ "env": { "ANTHROPIC_AUTH_TOKEN": "k3y-bad-0123456789"',
    },
  },
  {
    rival: 'ccs',
    title: 'CCS, JSON',
    files: {
      '.ccs/config.json': '{"profiles": {"or": "~/.ccs/or.settings.json", "default": "~/.claude/settings.json"}}',
      '.ccs/or.settings.json': JSON.stringify({
        env: {
          ANTHROPIC_BASE_URL: 'https://openrouter.ai/api',
          ANTHROPIC_AUTH_TOKEN: 'YOUR_API_KEY_HERE',
          ANTHROPIC_MODEL: 'z/glm',
        },
      }),
      '.claude/settings.json': '{"model": "opus"}',
    },
  },
  {
    rival: 'cc-route',
    title: 'cc-route',
    files: {
      '.claude/settings.cc-route.json': JSON.stringify({
        modelRoutes: {
          'MiniMax-M2.5': {
            alias: 'mm25',
            baseURL: 'https://api.minimaxi.com/anthropic',
            authToken: 'k3y-mm-0123456789',
          },
          'deepseek-v4-flash': { alias: ['d4f', 'ds'], preset: 'deepseek', authToken: 'k3y-ds-0123456789' },
          'deepseek-v4-pro': { alias: 'd4p', preset: 'deepseek', apiKey: 'k3y-other-0123456789' },
          'glm-5': { alias: 'g5', baseURL: 'https://relay.example.com', authToken: 'k3y-relay-0123456789' },
          'kimi-k2': { alias: 'opus', preset: 'kimi', authToken: 'k3y-kimi-0123456789', headers: { 'x-a': 'b' } },
          'gpt-*': { alias: 'gpt', preset: 'openai', authToken: 'k3y-oa-0123456789' },
          what: { alias: 'w', preset: 'nobody', authToken: 'k3y-no-0123456789' },
        },
      }),
    },
  },
  {
    rival: 'free-claude-code',
    title: 'free-claude-code',
    files: {
      '.fcc/.env': `# mine
NVIDIA_NIM_API_KEY="k3y-nim-0123456789"
OPENROUTER_API_KEY=k3y-or-0123456789
ZAI_API_KEY=k3y-zai-0123456789
GROQ_API_KEY=k3y-groq-0123456789
MODEL_OPUS="zai/glm-5"
MODEL_SONNET=
MODEL_HAIKU=open_router/stepfun/step-3.5-flash:free
MODEL="nvidia_nim/nvidia/nemotron-3"
MODEL_FALLBACKS="groq/llama-3.3-70b-versatile,wafer/x"
OLLAMA_BASE_URL="http://10.0.0.5:11434"
OPENROUTER_PROXY=socks5://127.0.0.1:1080
PROVIDER_RATE_LIMIT=1
ANTHROPIC_AUTH_TOKEN="k3y-local-0123456789"
this is no line
`,
    },
  },
  {
    rival: 'claude-code-proxy',
    title: 'claude-code-proxy of 1rgs',
    path: 'proxy',
    files: {
      'proxy/.env': `OPENAI_API_KEY="k3y-oa-0123456789"
GEMINI_API_KEY="k3y-gem-0123456789"
PREFERRED_PROVIDER=google
BIG_MODEL="gemini/gemini-2.5-pro"
SMALL_MODEL=gemini-2.0-flash
`,
    },
  },
  {
    rival: 'claude-code-proxy',
    title: 'claude-code-proxy of fuergaosi233',
    path: 'proxy/.env',
    files: {
      'proxy/.env': `OPENAI_API_KEY="k3y-oa-0123456789"
ANTHROPIC_API_KEY="k3y-client-0123456789"
OPENAI_BASE_URL="https://llm.example.com/v1"
BIG_MODEL="big"
MIDDLE_MODEL="middle"
SMALL_MODEL="small"
PORT=8082
`,
    },
  },
  {
    rival: 'deepclaude',
    title: 'deepclaude, from a file of the shell',
    path: '.bashrc',
    files: {
      '.bashrc':
        'alias ll="ls -l"\nexport DEEPSEEK_API_KEY="k3y-ds-0123456789"\nexport CHEAPCLAUDE_DEFAULT_BACKEND=or\n',
    },
  },
  {
    rival: 'deepclaude',
    title: 'deepclaude, from the environment',
    files: {},
    env: { CHEAPCLAUDE_DEFAULT_BACKEND: 'ds', OPENROUTER_API_KEY: 'k3y-or-0123456789' },
  },
  {
    rival: 'ccode',
    title: 'ccode',
    files: {
      '.config/ccode/config.yaml': `default_profile: deepseek
always_dynamic: true
always_control: false
proxy: { enabled: true }
profiles:
  deepseek:
    anthropic_base_url: "https://api.deepseek.com/anthropic"
    anthropic_auth_token: "k3y-ds-0123456789"
    anthropic_model: deepseek-chat
    anthropic_default_opus_model: deepseek-reasoner
  minimax:
    anthropic_base_url: https://api.minimax.io/anthropic
    anthropic_api_key: k3y-mm-0123456789
    anthropic_model: MiniMax-M2.5
    proxy: { enabled: false }
  max: {}
`,
    },
  },
  {
    rival: 'ccode',
    title: 'ccode, the launcher',
    files: {
      '.ccode/config.json': JSON.stringify({
        base_url: 'http://127.0.0.1:4000',
        api_key: 'k3y-cli-0123456789',
        models: { opus: { owned_by: 'x', id: 'big' }, sonnet: { owned_by: null, id: null } },
        toggles: { DISABLE_COST_WARNINGS: '1' },
      }),
    },
  },
  {
    rival: 'cc-switch',
    title: 'cc-switch, JSON',
    files: {
      '.cc-switch/config.json': JSON.stringify({
        version: 2,
        claude: {
          current: 'b',
          providers: {
            a: { id: 'a', name: 'Claude Official', settingsConfig: { env: {} }, category: 'official' },
            b: {
              id: 'b',
              name: 'Kimi 中转',
              settingsConfig: {
                env: {
                  ANTHROPIC_BASE_URL: 'https://api.moonshot.cn/anthropic',
                  ANTHROPIC_AUTH_TOKEN: 'k3y-kimi-0123456789',
                  ANTHROPIC_MODEL: 'kimi-k2.7-code',
                  ANTHROPIC_SMALL_FAST_MODEL: 'kimi-k2.6',
                },
                includeCoAuthoredBy: false,
              },
            },
          },
        },
        codex: {
          providers: { c: { id: 'c', name: 'x', settingsConfig: { auth: { OPENAI_API_KEY: 'k3y-cx-0123456789' } } } },
        },
        mcp: { servers: { s: {} } },
      }),
    },
  },
  {
    rival: 'cc-switch',
    title: 'cc-switch, SQL export',
    path: 'export.sql',
    files: {
      'export.sql': `BEGIN TRANSACTION;
CREATE TABLE providers (id TEXT NOT NULL, app_type TEXT NOT NULL, name TEXT, settings_config TEXT, meta TEXT DEFAULT ('{}'), is_current BOOLEAN, PRIMARY KEY (id, app_type));
CREATE TABLE model_pricing (model_id TEXT);
INSERT INTO "model_pricing" ("model_id") VALUES ('o1');
INSERT INTO "providers" ("id", "app_type", "name", "settings_config", "is_current") VALUES
('p1', 'claude', 'It''s (mine)', '{"env":{"ANTHROPIC_BASE_URL":"https://relay.example.com/v1","ANTHROPIC_API_KEY":"k3y-relay-0123456789","ANTHROPIC_MODEL":"a"}}', 1),
('p2', 'codex', 'other', '{}', 0);
INSERT INTO providers VALUES ('p3','claude','plain','{"env":{"ANTHROPIC_BASE_URL":"https://api.deepseek.com/anthropic","ANTHROPIC_AUTH_TOKEN":"k3y-ds-0123456789"}}','{}',0);
COMMIT;
`,
    },
  },
  {
    rival: 'litellm',
    title: 'LiteLLM',
    path: 'litellm.yaml',
    files: {
      'litellm.yaml': `environment_variables:
  AZURE_KEY: k3y-az-0123456789
  REDIS_HOST: localhost
model_list:
  - model_name: gpt
    litellm_params: { model: azure/gpt-eu, api_base: "https://my-res.openai.azure.com/", api_key: os.environ/AZURE_KEY, api_version: "2025" }
  - model_name: gpt
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, rpm: 480 }
  - model_name: claude-3-5-haiku-latest
    litellm_params: { model: deepseek/deepseek-chat, api_key: k3y-ds-0123456789 }
  - model_name: local/qwen
    litellm_params: { model: ollama_chat/qwen3, api_base: "http://10.0.0.5:11434" }
  - model_name: corp
    litellm_params: { model: openai/facebook/opt, api_base: "https://llm.example.com/v1", api_key: k3y-corp-0123456789 }
  - model_name: all/*
    litellm_params: { model: openai/* }
  - model_name: bed
    litellm_params: { model: bedrock/x }
router_settings:
  fallbacks: [{ corp: [gpt, nobody] }]
  routing_strategy: least-busy
litellm_settings: { drop_params: true }
general_settings: { master_key: k3y-master-0123456789 }
`,
    },
  },
];
