/** What older versions of the API have instead (moby's api/docs/CHANGELOG.md, checked with dockerd 28). */
import { NEVER } from '../../engine/types/image-document.ts';
import type { ImageInspect, ImageSummaryDocument } from '../../engine/types/image.ts';
import type { ApiVersion } from '../contract.ts';

export function summaryFor(summary: ImageSummaryDocument, version: ApiVersion): ImageSummaryDocument {
  if (version >= 44) return summary;
  const sized = { ...summary, ...(summary.Size === 0 ? {} : { VirtualSize: summary.Size }) };
  if (version >= 43) return sized;
  const { RepoTags, RepoDigests } = summary;
  if (RepoTags.length === 0 && RepoDigests?.length === 0) return { ...sized, RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] };
  return { ...sized, RepoDigests: RepoDigests?.length === 0 ? null : RepoDigests };
}

/** The fields of a container's config that an image's had until 1.49, all without a meaning. */
const CONTAINER_FIELDS = {
  Hostname: '',
  Domainname: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: '',
};
const EMPTY_CONFIG = { ...CONTAINER_FIELDS, User: '', Env: null, Cmd: null, Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null, Labels: null };

export function inspectFor(document: ImageInspect, version: ApiVersion): object {
  if (version >= 50) return document;
  return {
    ...(version < 44 ? { Created: NEVER } : {}),
    ...document,
    Config: { ...CONTAINER_FIELDS, ...document.Config },
    ...(version < 45 ? { ContainerConfig: EMPTY_CONFIG } : {}),
    ...(version < 44 && document.Size > 0 ? { VirtualSize: document.Size } : {}),
  };
}
