import { fileURLToPath } from 'node:url';

/** The repository's folder, without a slash at the end. */
export const projectDir = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Where tests keep what is costly to make again. Safe to delete at any time when no test runs. */
export const cacheDir = `${projectDir}/.cache`;

/** The Node.js that the project brings. */
export const projectNode = `${projectDir}/bin/node`;
