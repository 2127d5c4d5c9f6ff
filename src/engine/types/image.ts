/** Images in the documents of Docker's API (1.51). */
import type { HealthConfig } from './container.ts';

/** What an image asks of its containers. */
export interface ImageConfigDocument {
  readonly ArgsEscaped?: true;
  readonly Cmd: readonly string[] | null;
  readonly Entrypoint: readonly string[] | null;
  readonly Env: readonly string[] | null;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Healthcheck?: HealthConfig;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly OnBuild: readonly string[] | null;
  readonly Shell?: readonly string[];
  readonly StopSignal?: string;
  readonly User: string;
  readonly Volumes: Readonly<Record<string, object>> | null;
  readonly WorkingDir: string;
}

export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  /** RFC 3339; missing where the image does not say it. */
  readonly Created?: string;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly OsVersion?: string;
  readonly Size: number;
  readonly GraphDriver: { readonly Data: Readonly<Record<string, string>> | null; readonly Name: string };
  readonly RootFS: { readonly Type: 'layers'; readonly Layers?: readonly string[] };
  readonly Metadata: { readonly LastTagTime: string };
  readonly Config: ImageConfigDocument;
}

export interface ImageSummaryDocument {
  /** -1: not counted. */
  readonly Containers: number;
  /** Unix time in seconds. */
  readonly Created: number;
  readonly Id: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly ParentId: string;
  readonly RepoDigests: readonly string[] | null;
  readonly RepoTags: readonly string[];
  /** -1: not counted. */
  readonly SharedSize: number;
  readonly Size: number;
  /** Until API 1.43. */
  readonly VirtualSize?: number;
}

export interface ImageHistoryItem {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Size: number;
  readonly Comment: string;
  readonly Tags: readonly string[] | null;
}

export type ImageDeleteItem = { readonly Untagged: string } | { readonly Deleted: string };

export interface ImagesPruned {
  readonly ImagesDeleted: readonly ImageDeleteItem[] | null;
  readonly SpaceReclaimed: number;
}

/** A line of Docker's JSON message stream. */
export interface JsonMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly progress?: string;
  readonly id?: string;
  readonly errorDetail?: { readonly code?: number; readonly message: string };
  readonly error?: string;
  readonly aux?: Readonly<Record<string, unknown>>;
}

export interface AuthAnswer {
  readonly Status: string;
  readonly IdentityToken: string;
}

export interface DistributionInspect {
  readonly Descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number; readonly annotations?: Readonly<Record<string, string>> };
  readonly Platforms: readonly { readonly architecture: string; readonly os: string; readonly variant?: string; readonly 'os.version'?: string }[];
}

export interface SearchItem {
  readonly star_count: number;
  readonly is_official: boolean;
  readonly name: string;
  readonly is_automated: boolean;
  readonly description: string;
}
