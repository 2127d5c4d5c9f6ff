import type { Route } from '../contract.ts';

/** Answers that this is not there yet: 501, which clients show as it is. */
export function later(message: string): Route['handler'] {
  return (request) => request.send({ message }, 501);
}
