/** Objects that a request's header puts under a lease. */
import { LEASE_LABEL } from '../../engine/leases-contract.ts';
import type { ApiRequest } from '../contract.ts';

/**
 * A create document with the label of the lease that `X-Kobako-Lease` names; one that the document has stays. For every
 * route that makes something with labels.
 */
export function underLease<T extends { readonly Labels?: Readonly<Record<string, string>> | null | undefined }>(
  { headers }: Pick<ApiRequest, 'headers'>,
  body: T,
): T {
  const id = headers['x-kobako-lease'];
  return id ? { ...body, Labels: { [LEASE_LABEL]: id, ...body.Labels } } : body;
}
