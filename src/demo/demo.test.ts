import { describe, expect, it } from 'vitest';
import { nextSteps } from './demo.ts';

describe('how to go on after the demo', () => {
  it.each([
    ['file:///home/me/midswap/src/demo/demo.ts', 'npx bun src/main.ts'],
    ['file:///usr/lib/node_modules/midswap/dist/demo-X1.js', 'midswap'],
    ['file:///$bunfs/root/src/demo/demo.ts', 'midswap'],
  ])('%s is told as %s', (url, command) => {
    const steps = nextSteps(url).filter((line) => line.startsWith('  '));
    expect(steps).toHaveLength(3);
    for (const step of steps) expect(step.startsWith(`  ${command} `)).toBe(true);
    expect(steps[0]).toContain(`${command} setup`);
  });
});
