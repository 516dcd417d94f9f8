import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Answer } from './answer.ts';
import { decodedBody } from './call.ts';

function answerOf(headers: readonly string[] = []) {
  const calls: string[] = [];
  const source = {
    pause: () => void calls.push('pause'),
    resume: () => {},
    destroy: () => void calls.push('destroy'),
  };
  return { answer: new Answer(source, 200, ['Content-Type', 'text/event-stream', ...headers]), calls };
}

async function textOf(answer: Answer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of decodedBody(answer)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

const TEXT = 'data: é\n\n'.repeat(50);

describe('the body of an answer', () => {
  it('is plain when it was compressed and nobody said so', async () => {
    for (const size of [1, 7, 10_000]) {
      const { answer } = answerOf();
      const text = textOf(answer);
      const bytes = gzipSync(TEXT);
      for (let at = 0; at < bytes.length; at += size) answer.receive(bytes.subarray(at, at + size));
      answer.finish();
      expect(await text).toBe(TEXT);
      expect(answer.complete).toBe(true);
    }
  });

  it('is unpacked once where it was said', async () => {
    const { answer } = answerOf(['Content-Encoding', 'gzip']);
    const text = textOf(answer);
    answer.receive(gzipSync(TEXT));
    answer.finish();
    expect(await text).toBe(TEXT);
  });

  it('may be packed with zstd', async () => {
    const { answer } = answerOf(['content-encoding', 'zstd']);
    const text = textOf(answer);
    answer.receive(zstdCompressSync(TEXT));
    answer.finish();
    expect(await text).toBe(TEXT);
  });

  it('that is cut inside of undeclared compression is an error', async () => {
    const { answer, calls } = answerOf();
    const text = textOf(answer);
    answer.receive(gzipSync(TEXT).subarray(0, 20));
    answer.cut(new Error('reset'));
    await expect(text).rejects.toThrow('reset');
    expect(calls).toContain('destroy');
  });

  it('that only begins like compression is an error', async () => {
    const { answer } = answerOf();
    const text = textOf(answer);
    answer.receive(Buffer.from('\u001f no such thing'));
    answer.finish();
    await expect(text).rejects.toThrow();
  });
});
