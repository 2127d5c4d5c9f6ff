/** Builds behind a socket. */
import { EngineError } from '../base/errors.ts';
import type { Builds } from '../engine/builds-contract.ts';
import type { HttpClient } from './http.ts';

export function buildsClient(_http: HttpClient): Builds {
  const absent = () => Promise.reject(new EngineError('unavailable', 'builds over HTTP are not there yet'));
  return { build: absent, cancel: absent, usage: absent, prune: absent };
}
