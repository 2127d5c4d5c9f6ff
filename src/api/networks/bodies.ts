/** The documents that make networks and connect containers to them, as Docker's clients send them. */
import { invalid } from '../../base/errors.ts';
import type { EndpointSettings, NetworkCreate } from '../../engine/types/network.ts';
import { endpointSettings } from '../containers/create-body.ts';
import { decode, flag, list, optional, partial, struct, text, textMap } from '../decode.ts';

const ipam = partial('network.IPAM', {
  Driver: text(),
  Options: textMap,
  Config: list(partial('network.IPAMConfig', { Subnet: text(), IPRange: text(), Gateway: text(), AuxiliaryAddresses: textMap })),
});

/** The shapes, for whoever compares them with the specification. */
export const networkShapes = {
  create: struct('network.CreateRequest', {
    Name: text(),
    CheckDuplicate: optional(flag),
    Driver: optional(text()),
    Scope: optional(text()),
    EnableIPv4: optional(flag),
    EnableIPv6: optional(flag),
    IPAM: optional(ipam),
    Internal: optional(flag),
    Attachable: optional(flag),
    Ingress: optional(flag),
    ConfigOnly: optional(flag),
    ConfigFrom: optional(struct('network.ConfigReference', { Network: text() })),
    Options: optional(textMap),
    Labels: optional(textMap),
  }),
  connect: partial('network.ConnectOptions', { Container: text(), EndpointConfig: endpointSettings }),
  disconnect: partial('network.DisconnectOptions', { Container: text(), Force: flag }),
};

/** The body of `POST /networks/create`. Throws `invalid`. */
export function decodeNetworkCreate(body: unknown): NetworkCreate {
  const { CheckDuplicate: _, ...create } = decode(networkShapes.create, given(body));
  return create;
}

/** The body of `POST /networks/{id}/connect`. Throws `invalid`. */
export function decodeConnect(body: unknown): { readonly Container: string; readonly EndpointConfig?: EndpointSettings } {
  const { Container = '', ...rest } = decode(networkShapes.connect, body);
  return { Container, ...rest };
}

/** The body of `POST /networks/{id}/disconnect`. Throws `invalid`. */
export function decodeDisconnect(body: unknown): { readonly Container: string; readonly Force?: boolean } {
  const { Container = '', ...rest } = decode(networkShapes.disconnect, body);
  return { Container, ...rest };
}

function given(body: unknown): unknown {
  if (body === undefined) throw invalid('invalid JSON: got EOF while reading request body');
  return body;
}
