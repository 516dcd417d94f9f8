import { describe, expect, it } from 'vitest';
import { type FigureName, Figures } from './figures.ts';
import { judge, renderVerdicts, type Verdict } from './report.ts';
import { TURN_SHAPES } from './scenarios/bodies.ts';
import { burstShape, PACED_SHAPE } from './scenarios/streams.ts';

/** Figures of one place in chat mode, one value per target. */
function figuresOf(scenario: string, shape: string, name: FigureName, values: Readonly<Record<string, number>>) {
  const figures = new Figures();
  for (const [target, value] of Object.entries(values)) {
    figures.add({ scenario, mode: 'chat', shape, target }, name, value);
  }
  return figures;
}

function measured(figures: Figures): Verdict[] {
  return judge(figures, 'midswap-bun').filter(({ value, text }) => value !== undefined && text.includes(', to C'));
}

describe('the bounds beside a peer', () => {
  it('ask for a tenth of its CPU, an eighth of the time that it adds and half of that of a first large body', () => {
    const burst = figuresOf('burst', burstShape(200, 16), 'cpuMs', { 'midswap-bun': 1, ccs: 10, 'ccs-logging': 9 });
    expect(measured(burst).map(({ limit, value, met }) => [limit, value, met])).toEqual([
      [0.1, 0.1, true],
      [0.1, 1 / 9, false],
    ]);
    const added = { 'midswap-bun': 50, ccs: 400, 'ccs-logging': 399 };
    expect(measured(figuresOf('burst', burstShape(20, 1), 'addedTtftUs', added)).map(({ met }) => met)).toEqual([
      true,
      false,
    ]);
    const large = { 'midswap-bun': 7, ccs: 14, 'ccs-logging': 13 };
    expect(measured(figuresOf('turns', TURN_SHAPES.first, 'addedTtftUs', large)).map(({ met }) => met)).toEqual([
      true,
      false,
    ]);
  });

  it('are not measured without the peer', () => {
    expect(measured(figuresOf('burst', burstShape(200, 16), 'cpuMs', { 'midswap-bun': 1, nginx: 1 }))).toEqual([]);
  });

  it('are called impossible where passing bytes on is above them already, and missed where it is not', () => {
    const words = (nginx: number) => {
      const values = { 'midswap-bun': 5, nginx, ccs: 20 };
      return renderVerdicts(measured(figuresOf('paced', PACED_SHAPE, 'cpuMsPerThousand', values)), []);
    };
    expect(words(4)).toMatch(/0\.1 ×\s+0\.250 ×\s+impossible: nginx 0\.200 ×/);
    expect(words(2)).toMatch(/0\.1 ×\s+0\.250 ×\s+MISSED/);
  });
});
