import type http from 'node:http';
import type { Secret } from '../core/secret.ts';

/** Agents that go through a proxy, one for each proxy URL, kept alive like the direct ones. */
export class ProxyAgents {
  readonly #agents = new Map<string, Promise<http.Agent>>();

  /** The libraries are loaded with the first proxy. Rejects when the URL is of no kind that is known. */
  agent(proxy: Secret): Promise<http.Agent> {
    const url = proxy.reveal();
    let agent = this.#agents.get(url);
    if (!agent) {
      agent = createAgent(url);
      this.#agents.set(url, agent);
    }
    return agent;
  }

  async destroy(): Promise<void> {
    const agents = await Promise.allSettled(this.#agents.values());
    for (const agent of agents) if (agent.status === 'fulfilled') agent.value.destroy();
  }
}

async function createAgent(url: string): Promise<http.Agent> {
  const options = { keepAlive: true, maxFreeSockets: 64, scheduling: 'lifo' as const };
  if (/^socks[45]?[ah]?:/i.test(url)) {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    // A plain "socks5:" resolves names here; asking the proxy to do it also works where names are only known there.
    return new SocksProxyAgent(url.replace(/^socks5:/i, 'socks5h:'), options);
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(url, options);
}
