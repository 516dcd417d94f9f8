import { expect, it } from 'vitest';
import { RIVALS } from './index.ts';

it('a runtime whose address is none is named and left out', () => {
  const main = '/home/u/.fcc/.env';
  const text = 'MODEL=groq/llama-3.3-70b-versatile\nOLLAMA_BASE_URL="10.0.0.5"\n';
  const rival = RIVALS.find(({ id }) => id === 'free-claude-code');
  const read = rival?.read({ main, files: new Map([[main, text]]), home: '/home/u', env: {}, options: { keys: true } });
  expect(read?.config.providers ?? {}).not.toHaveProperty('ollama');
  expect(JSON.stringify(read?.config)).toContain('groq:llama-3.3-70b-versatile');
  expect(read?.notes).toEqual([{ path: 'OLLAMA_BASE_URL', reason: expect.stringContaining('not a base URL') }]);
});
