/** The config of a base image, as it came from a registry: what is not of the right shape counts as not there. */
import type { ImageSettings } from './plan.ts';

/** A copy. Members that the planner does not read stay as they are. */
export function readSettings(settings: ImageSettings): ImageSettings {
  const { User, Env, Entrypoint, Cmd, WorkingDir, Labels, ExposedPorts, Volumes, OnBuild, Shell, ...rest } = structuredClone(settings) as Record<
    string,
    unknown
  > &
    ImageSettings;
  const labels = Object.entries(recordOf(Labels)).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return {
    ...rest,
    ...(typeof User === 'string' ? { User } : {}),
    ...(typeof WorkingDir === 'string' ? { WorkingDir } : {}),
    ...(isWords(Env) ? { Env } : {}),
    ...(isWords(Entrypoint) ? { Entrypoint } : {}),
    ...(isWords(Cmd) ? { Cmd } : {}),
    ...(isWords(OnBuild) ? { OnBuild } : {}),
    ...(isWords(Shell) ? { Shell } : {}),
    Labels: Object.fromEntries(labels),
    ExposedPorts: emptyRecord(ExposedPorts),
    Volumes: emptyRecord(Volumes),
  };
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((word) => typeof word === 'string');
}

function recordOf(value: unknown): object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function emptyRecord(value: unknown): Record<string, Record<string, never>> {
  return Object.fromEntries(Object.keys(recordOf(value)).map((name) => [name, {}]));
}
