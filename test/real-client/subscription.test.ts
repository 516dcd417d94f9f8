import { expect, it, onTestFinished } from 'vitest';
import { install } from '../support/gateway-process.ts';
import { startUpstream } from '../support/scripted-upstream.ts';

const LOGIN = 'sk-ant-oat01-login-of-the-user-0123456789';

/** As the client keeps the login of a subscription, good for a day. */
const CREDENTIALS = {
  claudeAiOauth: {
    accessToken: LOGIN,
    refreshToken: 'sk-ant-ort01-refresh-0123456789',
    expiresAt: Date.now() + 86_400_000,
    scopes: ['user:inference', 'user:profile'],
    subscriptionType: 'max',
  },
};

it('the user’s own login goes to Anthropic as it is, and to nobody else after a switch', async () => {
  const [anthropic, other] = await Promise.all([
    startUpstream({ name: 'anthropic' }),
    startUpstream({ name: 'other' }),
  ]);
  onTestFinished(async () => {
    await Promise.all([anthropic.close(), other.close()]);
  });
  const machine = await install({
    upstreams: { other },
    credentials: CREDENTIALS,
    extraProviders: `  anthropic: { base_url: "${anthropic.url}" }`,
    extraProfiles: '  max: { provider: anthropic, auth: subscription }',
  });
  const terminal = await machine.open(['max', '--permission-mode', 'manual']);
  await terminal.waitFor('❯');
  await terminal.idle(300);
  await terminal.submit('question one');
  await terminal.waitFor('reply from anthropic');
  await terminal.idle(400);
  const turns = anthropic.turns().filter((request) => request.raw.includes('question one'));
  expect(turns.length).toBeGreaterThan(0);
  for (const request of turns) {
    expect(request.header('authorization')).toBe(`Bearer ${LOGIN}`);
    expect(request.header('anthropic-beta')).toContain('oauth-');
    expect(request.header('x-api-key')).toBeUndefined();
  }
  expect((await machine.midswap(['use', 'other'])).code).toBe(0);
  await terminal.submit('question two');
  await terminal.waitFor('reply from other');
  for (const request of other.requests) {
    const sight = `${request.url} ${request.rawHeaders.join(' ')} ${request.raw.toString()}`;
    expect(sight).not.toContain(LOGIN);
    expect(sight).not.toMatch(/oauth-\d/);
    expect(sight).not.toMatch(/x-anthropic-billing-header|account_uuid/);
  }
});
