/** Images in the documents of Docker's API (1.51). */
import type { ContainerConfig } from '../../image/contract.ts';
import type { ImageDetails, ImageLine } from '../images-contract.ts';
import type { ImageInspect, ImageSummaryDocument } from './image.ts';

/** `GET /images/{name}/json` */
export function imageDocument(image: ImageDetails): ImageInspect {
  const { platform } = image;
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: '',
    Comment: image.comment,
    ...(image.createdText === undefined ? {} : { Created: image.createdText }),
    DockerVersion: image.dockerVersion,
    Author: image.author,
    Architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { Variant: platform.variant }),
    Os: platform.os,
    ...(platform['os.version'] === undefined ? {} : { OsVersion: platform['os.version'] }),
    Size: image.size,
    GraphDriver: { Data: null, Name: image.driver },
    RootFS: { Type: 'layers', ...(image.layers.length === 0 ? {} : { Layers: image.layers }) },
    Metadata: { LastTagTime: image.lastTagged ?? NEVER },
    Config: configDocument(image.config),
  };
}

/** `GET /images/json`; `containers`: how many use it, or -1. */
export function imageSummary(line: ImageLine, containers: number): ImageSummaryDocument {
  return {
    Containers: containers,
    Created: line.created,
    Id: line.id,
    Labels: Object.keys(line.labels).length === 0 ? null : line.labels,
    ParentId: '',
    RepoDigests: line.repoDigests,
    RepoTags: line.repoTags,
    SharedSize: line.sharedSize ?? -1,
    Size: line.size,
  };
}

/** Go's zero time, which Docker shows for none. */
export const NEVER = '0001-01-01T00:00:00Z';

/** What is empty is null, as Docker has it; some fields are only there when they are set. */
function configDocument(config: ContainerConfig): ImageInspect['Config'] {
  const list = (values: readonly string[] | null | undefined) => (values === undefined || values === null || values.length === 0 ? null : values);
  const record = <T>(values: Readonly<Record<string, T>> | null | undefined) =>
    values === undefined || values === null || Object.keys(values).length === 0 ? null : values;
  const exposed = record(config.ExposedPorts);
  const shell = list(config.Shell);
  return {
    ...(config.ArgsEscaped === true ? { ArgsEscaped: true } : {}),
    Cmd: list(config.Cmd),
    Entrypoint: list(config.Entrypoint),
    Env: list(config.Env),
    ...(exposed === null ? {} : { ExposedPorts: exposed }),
    ...(config.Healthcheck === undefined ? {} : { Healthcheck: config.Healthcheck }),
    Labels: record(config.Labels),
    OnBuild: list(config.OnBuild),
    ...(shell === null ? {} : { Shell: shell }),
    ...(config.StopSignal === undefined || config.StopSignal === '' ? {} : { StopSignal: config.StopSignal }),
    User: config.User ?? '',
    Volumes: record(config.Volumes),
    WorkingDir: config.WorkingDir ?? '',
  };
}
