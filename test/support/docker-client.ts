/** The real docker command with its compose and buildx plugins, of Debian's sid suite, unpacked and not installed. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { debs } from './debs.ts';

const PACKAGES = ['docker-buildx', 'docker-cli', 'docker-compose'];
const fetched = () => debs(PACKAGES, { suite: 'sid' });

/** Why they are not to be had here; undefined when they are. Fetches them the first time. */
export function noDockerClient(): Promise<string | undefined> {
  return fetched().then(
    () => undefined,
    (error: Error) => `docker compose of Debian's sid suite cannot be had here: ${error.message}`,
  );
}

export interface DockerClient {
  /** The path of `docker`. */
  readonly program: string;
  /** For its environment: DOCKER_CONFIG, with the plugins in it. */
  readonly config: string;
}

/** `folder`: the test's own, for the client's settings. */
export async function dockerClient(folder: string): Promise<DockerClient> {
  const tree = await fetched();
  const config = `${folder}/docker-config`;
  mkdirSync(`${config}/cli-plugins`, { recursive: true });
  writeFileSync(`${config}/config.json`, '{}');
  for (const plugin of ['docker-buildx', 'docker-compose']) symlinkSync(`${tree}/usr/libexec/docker/cli-plugins/${plugin}`, `${config}/cli-plugins/${plugin}`);
  return { program: `${tree}/usr/bin/docker`, config };
}
