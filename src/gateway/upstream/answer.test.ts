import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Answer, wholeBody } from './answer.ts';

function answerOf(headers: readonly string[] = []) {
  const source = { isPaused: false, isDestroyed: false };
  const answer = new Answer(
    {
      pause: () => {
        source.isPaused = true;
      },
      resume: () => {
        source.isPaused = false;
      },
      destroy: () => {
        source.isDestroyed = true;
        answer.cut(new Error('closed'));
      },
    },
    200,
    ['Content-Type', 'text/event-stream', ...headers],
  );
  return { answer, source };
}

async function textOf(answer: Answer): Promise<string> {
  return (await wholeBody(answer, 1 << 20)).toString('utf8');
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
    const { answer } = answerOf();
    const text = textOf(answer);
    answer.receive(gzipSync(TEXT).subarray(0, 20));
    answer.cut(new Error('reset'));
    await expect(text).rejects.toThrow('reset');
  });

  it('that only begins like compression is an error', async () => {
    const { answer } = answerOf();
    const text = textOf(answer);
    answer.receive(Buffer.from('\u001f no such thing'));
    answer.finish();
    await expect(text).rejects.toThrow();
  });
});

type Step = 'data' | 'read' | 'pause' | 'resume';

/** Keeps what it is told, and what no reader may be told. */
function strictReader() {
  const seen = { text: '', ends: 0, cuts: 0, isPaused: false, isWrong: false };
  return {
    seen,
    reader: {
      data(bytes: Buffer) {
        seen.isWrong ||= seen.isPaused || seen.ends + seen.cuts > 0;
        seen.text += bytes.toString();
      },
      end: () => {
        seen.isWrong ||= seen.isPaused;
        seen.ends += 1;
      },
      cut: () => {
        seen.cuts += 1;
      },
    },
  };
}

const steps = fc.array(fc.constantFrom<Step>('data', 'data', 'read', 'pause', 'resume'), { maxLength: 30 });
const endings = fc.constantFrom('finish', 'cut', 'destroy');

describe('whoever reads an answer, whenever, and however often it pauses', () => {
  it('gets what came, in order and not while it pauses, and is told once how it ended', () => {
    fc.assert(
      fc.property(steps, endings, steps, (before, ending, after) => {
        const { answer, source } = answerOf();
        const { seen, reader } = strictReader();
        let sent = '';
        let isRead = false;
        const take = (step: Step, isOpen: boolean) => {
          if (step === 'data' && isOpen) {
            const bytes = `${sent.length} `;
            sent += bytes;
            answer.receive(Buffer.from(bytes));
          } else if (step === 'read' && !isRead) {
            isRead = true;
            answer.read(reader);
          } else if (step === 'pause') {
            seen.isPaused = true;
            answer.pause();
          } else if (step === 'resume') {
            seen.isPaused = false;
            answer.resume();
          }
          if (isOpen) expect(source.isPaused).toBe(seen.isPaused);
        };
        for (const step of before) take(step, true);
        if (ending === 'finish') answer.finish();
        else if (ending === 'cut') answer.cut(new Error('reset'));
        else answer.destroy();
        for (const step of after) take(step, false);
        if (!isRead) take('read', false);
        take('resume', false);
        expect(seen.isWrong).toBe(false);
        expect([seen.ends, seen.cuts]).toEqual(ending === 'finish' ? [1, 0] : [0, 1]);
        expect(sent.startsWith(seen.text)).toBe(true);
        if (ending === 'finish') expect(seen.text).toBe(sent);
        expect(source.isDestroyed).toBe(ending === 'destroy');
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not sent more than a little before it begins, and never slows down who comes after it', () => {
    const { answer, source } = answerOf();
    answer.receive(Buffer.alloc(65 << 10, 'x'));
    expect(source.isPaused).toBe(true);
    const { seen, reader } = strictReader();
    answer.read(reader);
    expect([source.isPaused, seen.text.length]).toEqual([false, 65 << 10]);
    answer.finish();
    answer.pause();
    expect(source.isPaused).toBe(false);
  });

  it('gets all of a packed answer too, and nothing of it while it pauses', async () => {
    const { answer } = answerOf(['content-encoding', 'gzip']);
    const { seen, reader } = strictReader();
    const big = TEXT.repeat(2_000);
    answer.read(reader);
    seen.isPaused = true;
    answer.pause();
    const bytes = gzipSync(big);
    for (let at = 0; at < bytes.length; at += 1000) answer.receive(bytes.subarray(at, at + 1000));
    answer.finish();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([seen.text, seen.isWrong]).toEqual(['', false]);
    seen.isPaused = false;
    answer.resume();
    await expect.poll(() => seen.ends).toBe(1);
    expect([seen.text === big, seen.isWrong]).toEqual([true, false]);
  });
});
