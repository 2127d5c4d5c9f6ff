/** `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago`: a state in Docker's words. */
import { NEVER } from '../base/time.ts';
import { humanDuration } from '../base/durations.ts';
import type { ContainerState } from './types/container-answers.ts';

export function listStatus(state: ContainerState, now = Date.now()): string {
  const since = (time: string) => humanDuration(now - Date.parse(time));
  switch (state.Status) {
    case 'running':
    case 'paused': {
      const health = state.Health?.Status;
      const shown = state.Paused ? ' (Paused)' : health === undefined || health === 'none' ? '' : ` (${health === 'starting' ? 'health: starting' : health})`;
      return `Up ${since(state.StartedAt)}${shown}`;
    }
    case 'restarting':
      return `Restarting (${state.ExitCode}) ${since(state.FinishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      return state.FinishedAt === NEVER ? '' : `Exited (${state.ExitCode}) ${since(state.FinishedAt)} ago`;
  }
}
