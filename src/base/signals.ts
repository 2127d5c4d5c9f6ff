import { constants } from 'node:os';
import { invalid } from './errors.ts';

export const SIGKILL: number = constants.signals.SIGKILL;
export const SIGTERM: number = constants.signals.SIGTERM;

/** `KILL`, `SIGKILL`, `9`, `RTMIN+3`: the signal's number. */
export function signalNumber(text: string): number {
  const upper = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RTM(IN|AX)([+-]\d+)?$/.exec(upper);
  const value = /^\d+$/.test(upper)
    ? Number(upper)
    : realtime !== null
      ? (realtime[1] === 'IN' ? 34 : 64) + Number(realtime[2] ?? 0)
      : (constants.signals as Record<string, number | undefined>)[`SIG${upper}`];
  if (value === undefined || value < 1 || value > 64) throw invalid(`invalid signal: ${text}`);
  return value;
}
