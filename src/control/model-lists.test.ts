import { createServer, type IncomingMessage } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempDir, writeFiles } from '../../test/support/temp-home.ts';
import { Secret } from '../core/secret.ts';
import type { Endpoint } from '../core/target.ts';
import { sampleTarget } from './control.fixture.ts';
import { readCachedList, writeCachedList } from './model-cache.ts';
import { readModelList } from './model-list-format.ts';
import { fetchModelList } from './model-lists.ts';

async function serve(answer: (request: IncomingMessage) => [status: number, body: string]) {
  const asked: { url: string | undefined; headers: IncomingMessage['headers'] }[] = [];
  const server = createServer((req, res) => {
    asked.push({ url: req.url, headers: req.headers });
    const [status, body] = answer(req);
    res.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

const chat = (baseUrl: string): Endpoint => ({ protocol: 'openai-chat', baseUrl, auth: 'bearer', local: true });
const messages = (baseUrl: string): Endpoint => ({
  protocol: 'anthropic-messages',
  baseUrl,
  auth: 'x-api-key',
  local: true,
});
const target = {
  ...sampleTarget('corp', undefined, undefined),
  credential: { kind: 'keys', keys: [new Secret('key-0123456789', 'test')] },
} as const;

describe("a provider's own list", () => {
  it('is asked for at the path of its protocol with its key, chat before Messages', async () => {
    const up = await serve((req) => (req.url?.startsWith('/a/') ? [200, '{"data":[{"id":"m"}]}'] : [404, '']));
    const endpoints = [messages(`${up.origin}/a`), chat(`${up.origin}/v1`)];
    expect(await fetchModelList({ target, endpoints })).toEqual([{ id: 'm' }]);
    expect(up.asked.map(({ url }) => url)).toEqual(['/v1/models', '/a/v1/models?limit=1000']);
    expect(up.asked[0]?.headers.authorization).toBe('Bearer key-0123456789');
    expect(up.asked[1]?.headers).toMatchObject({ 'x-api-key': 'key-0123456789', 'anthropic-version': '2023-06-01' });
    expect(up.asked[1]?.headers.authorization).toBeUndefined();
  });

  it('is asked for through the proxy of its provider, and not past it', async () => {
    const up = await serve(() => [200, '{"data":[{"id":"m"}]}']);
    const asked: string[] = [];
    const proxy = net.createServer((client) => {
      client.on('error', () => {});
      client.once('data', (head: Buffer) => {
        asked.push(head.toString().split('\r\n')[0] as string);
        const onward = net.connect(Number(new URL(up.origin).port), '127.0.0.1', () => {
          client.write('HTTP/1.1 200 OK\r\n\r\n');
          onward.pipe(client).pipe(onward);
        });
        onward.on('error', () => client.destroy());
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const through = (port: number) => ({ ...target, proxy: new Secret(`http://127.0.0.1:${port}`, 'test') });
    const endpoints = [chat('http://upstream.test:8080/v1')];
    const { port } = proxy.address() as AddressInfo;
    expect(await fetchModelList({ target: through(port), endpoints })).toEqual([{ id: 'm' }]);
    expect(asked).toEqual(['CONNECT upstream.test:8080 HTTP/1.1']);
    const direct = [chat(`${up.origin}/v1`)];
    await expect(fetchModelList({ target: through(1), endpoints: direct })).rejects.toThrow(/its proxy|ECONNREFUSED/);
    expect(up.asked).toHaveLength(1);
  });

  it.each([
    ['a refusal', [401, '{"error":"no"}'], /status 401/],
    ['no list', [200, '{"ok":true}'], /no list of models/],
    ['no JSON', [200, '<html>'], /corp gives no list/],
  ] as const)('%s is told with the host', async (_, answer, message) => {
    const up = await serve(() => [answer[0], answer[1]]);
    const failed = fetchModelList({ target, endpoints: [chat(`${up.origin}/v1`)] });
    await expect(failed).rejects.toMatchObject({ code: 'upstream_failed', message: expect.stringMatching(message) });
  });

  it('sends no key over an open connection to another machine', async () => {
    const endpoint = { ...chat('http://llm.corp.test/v1'), local: false };
    await expect(fetchModelList({ target, endpoints: [endpoint] })).rejects.toThrow(/without encryption/);
  });

  it('gives up on one that does not answer', async () => {
    const server = createServer(() => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => server.closeAllConnections());
    const endpoints = [chat(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)];
    await expect(fetchModelList({ target, endpoints, timeoutMs: 50 })).rejects.toThrow(/no answer within 50 ms/);
    server.close();
  });
});

describe('the form of a list', () => {
  it.each([
    [{ data: [{ id: 'a', context_length: 8 }] }, [{ id: 'a', context: 8 }]],
    [[{ id: 'a', context_window: 8, max_completion_tokens: 2 }], [{ id: 'a', context: 8, output: 2 }]],
    [{ models: [{ id: 'models/a', max_model_len: 8 }] }, [{ id: 'a', context: 8 }]],
    // llama.cpp's server: what it gives to a conversation, whatever the model was trained for.
    [{ models: [{ name: 'a' }], data: [{ id: 'a', meta: { n_ctx: 8, n_ctx_train: 9 } }] }, [{ id: 'a', context: 8 }]],
    [
      {
        data: [
          {
            id: 'v/a',
            top_provider: { context_length: 8, max_completion_tokens: 4 },
            architecture: { input_modalities: ['text', 'image'] },
            supported_parameters: ['max_tokens', 'tools'],
            pricing: { prompt: '0.00000125', completion: '0.00001' },
          },
        ],
      },
      [{ id: 'v/a', context: 8, output: 4, vision: true, tools: true, inputPrice: 1.25, outputPrice: 10 }],
    ],
    [{ data: [{ id: 'b' }, { id: 'a', pricing: { prompt: 3 }, context_length: -1 }] }, [{ id: 'a' }, { id: 'b' }]],
    [{ data: [{ id: 'two words' }, null, 7, { name: 'x' }] }, []],
  ])('%j', (body, models) => expect(readModelList(body)).toEqual(models));

  it('whatever comes, every model has a name and numbers that mean something', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.constantFrom('id', 'context_length', 'pricing'), fc.jsonValue())),
        (data) => {
          for (const { id, context } of readModelList({ data })) {
            expect(id).toMatch(/^\S+$/u);
            if (context !== undefined) expect(context).toBeGreaterThan(0);
          }
        },
      ),
    );
  });
});

describe('a kept list', () => {
  const list = { provider: 'corp', from: 'https://a.test', atMs: 1, models: [{ id: 'm', context: 8 }] };

  it('comes back as it was, for the same place only', () => {
    const dir = tempDir();
    writeCachedList(dir, list);
    expect(readCachedList(dir, 'corp', 'https://a.test')).toEqual(list);
    expect(readCachedList(dir, 'corp', 'https://b.test')).toBeUndefined();
    expect(readCachedList(dir, 'other', 'https://a.test')).toBeUndefined();
  });

  it.each(['', '[]', 'null', '{"provider":"corp","from":"https://a.test","atMs":1,"models":[7,{"id":"a b"}]}'])(
    'that is damaged harms nothing: %s',
    (text) => {
      const dir = tempDir();
      writeFiles(dir, { 'models/corp.json': text });
      expect(readCachedList(dir, 'corp', 'https://a.test')?.models ?? []).toEqual([]);
    },
  );
});
