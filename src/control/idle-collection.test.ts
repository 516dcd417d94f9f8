import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Bus } from '../core/bus.ts';
import type { GatewayEvent } from '../core/events.ts';
import { collectWhenIdle } from './idle-collection.ts';

const ENDED = { type: 'exchange.ended' } as GatewayEvent;

let bus: Bus;
let active: number;
let collections: number;
let end: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  bus = new Bus();
  active = 0;
  collections = 0;
  end = collectWhenIdle({ bus, active: () => active, collect: () => collections++ });
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

function finish(exchanges: number): void {
  for (let at = 0; at < exchanges; at++) bus.emit(ENDED);
}

describe('memory is given back', () => {
  it('once, a second after the last of many exchanges', () => {
    finish(200);
    vi.advanceTimersByTime(900);
    expect(collections).toBe(0);
    vi.advanceTimersByTime(200);
    expect(collections).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect(collections).toBe(1);
  });

  it('again after as many more', () => {
    finish(200);
    vi.advanceTimersByTime(2_000);
    finish(200);
    vi.advanceTimersByTime(2_000);
    expect(collections).toBe(2);
  });

  it('not after a few: there is little to be had', () => {
    finish(10);
    vi.advanceTimersByTime(60_000);
    expect(collections).toBe(0);
  });

  it('not while an exchange runs, but when it has ended', () => {
    active = 1;
    finish(200);
    vi.advanceTimersByTime(10_000);
    expect(collections).toBe(0);
    active = 0;
    finish(1);
    vi.advanceTimersByTime(1_100);
    expect(collections).toBe(1);
  });

  it('not between exchanges that follow each other closely', () => {
    for (let at = 0; at < 100; at++) {
      finish(1);
      vi.advanceTimersByTime(300);
    }
    expect(collections).toBe(0);
    vi.advanceTimersByTime(2_000);
    expect(collections).toBe(1);
  });

  it('not after the gateway has ended', () => {
    finish(200);
    end();
    vi.advanceTimersByTime(10_000);
    expect(collections).toBe(0);
  });
});
