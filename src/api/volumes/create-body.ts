/** The document that makes a volume, as Docker's clients send it. */
import type { VolumeCreate } from '../../engine/types/volume.ts';
import { decode, optional, partial, struct, text, textMap } from '../decode.ts';

const clusterSpec = optional(struct('volume.ClusterVolumeSpec', {}));

/** The shape, for whoever compares it with the specification. */
export const volumeCreateShape = partial('volume.CreateOptions', {
  Name: text(),
  Driver: text(),
  DriverOpts: textMap,
  Labels: textMap,
  ClusterVolumeSpec: clusterSpec,
});

/** The body of `POST /volumes/create`; undefined: there was none. Throws `invalid`. */
export function decodeVolumeCreate(body: unknown): VolumeCreate {
  if (body === undefined) return {};
  const { ClusterVolumeSpec: _, ...wanted } = decode(volumeCreateShape, body);
  return wanted;
}

export function wantsCluster(body: unknown): boolean {
  return body !== undefined && decode(volumeCreateShape, body).ClusterVolumeSpec !== undefined;
}
