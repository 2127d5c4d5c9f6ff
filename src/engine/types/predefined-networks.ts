/** The three networks that every engine has. */
import { createHash } from 'node:crypto';

/** Of the engine with that id (`ID` of `GET /info`): always the same, so that clients can remember it. */
export function predefinedNetworkId(engineId: string, name: string): string {
  return createHash('sha256').update(`${engineId} network ${name}`).digest('hex');
}

/** Whether a network mode or a network's name is one that somebody made. */
export function isUserDefined(mode: string): boolean {
  return !['', 'bridge', 'default', 'host', 'none'].includes(mode) && !mode.startsWith('container:');
}
