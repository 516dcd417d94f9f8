import { agentSdk, clientBinary } from './real-client.ts';

/** Before the run, so that no single test waits for a download. */
export default async function installRealClient(): Promise<void> {
  await Promise.all([clientBinary(), agentSdk()]);
}
