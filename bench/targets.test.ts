import { expect, it } from 'vitest';
import { PEERS, peerTarget } from './peers.ts';
import { nginx, takesPart } from './targets.ts';

it('peers take part where midswap translates and a bound asks for them, the others everywhere', () => {
  for (const peer of PEERS.map(peerTarget)) {
    expect(takesPart(peer, 'chat', 'burst')).toBe(true);
    expect(takesPart(peer, 'chat', 'turns')).toBe(true);
    expect(takesPart(peer, 'chat', 'memory')).toBe(false);
    expect(takesPart(peer, 'messages', 'burst')).toBe(false);
  }
  expect(takesPart(nginx, 'messages', 'memory')).toBe(true);
});

it('a peer says what exactly ran', () => {
  expect(PEERS.map(peerTarget).map(({ title }) => title)).toEqual([
    'claude-code-router: @musistudio/claude-code-router 2.0.0 on Node 24',
    'CCS, logging off: @kaitranntt/ccs 7.79.1 on Node 24',
    'CCS as it ships: @kaitranntt/ccs 7.79.1 on Node 24',
  ]);
});
