/** STAND-IN until the language is there. */
import type { Dockerfile } from '../build/dockerfile/ast.ts';
import type { PlanOptions, PlanResult, Step } from '../build/dockerfile/plan.ts';

export function planStages(file: Dockerfile, options: PlanOptions): PlanResult {
  const images = options.images ?? new Map();
  const stages = file.stages.map((stage) => {
    const prior = file.stages.find((each) => each.name !== '' && each.name === stage.base && each.index < stage.index);
    return { stage, prior };
  });
  const missing = stages.flatMap(({ stage, prior }) =>
    prior !== undefined || stage.base === 'scratch' || images.has(stage.base)
      ? []
      : [{ key: stage.base, name: stage.base, platform: options.buildPlatform, location: stage.location }],
  );
  if (missing.length > 0) return { missing, plan: undefined } as PlanResult;
  const settings: any[] = [];
  const planned = stages.map(({ stage, prior }) => {
    const config: any = structuredClone(prior === undefined ? (images.get(stage.base)?.settings ?? {}) : settings[prior.index]);
    const total = stage.instructions.filter(({ kind }) => ['run', 'copy', 'add', 'workdir'].includes(kind)).length + 1;
    let at = 1;
    const env = () => [...(config.Env ?? ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'])];
    const steps = stage.instructions.map((each): Step => {
      const base = { location: each.location, onbuild: false };
      const layer = () => `[${stage.name === '' ? '' : `${stage.name} `}${++at}/${total}] ${each.source}`;
      const history = (text: string, empty = false) => [{ created_by: text, comment: 'buildkit.dockerfile.v0', ...(empty ? { empty_layer: true } : {}) }];
      if (each.kind === 'run') {
        const argv = each.command.shell ? ['/bin/sh', '-c', ...each.command.words] : each.command.words;
        return {
          kind: 'run',
          ...base,
          title: layer(),
          history: history(`RUN ${argv.join(' ')} # buildkit`),
          argv,
          files: [],
          env: env(),
          proxyEnv: [],
          cwd: config.WorkingDir || '/',
          user: config.User ?? '',
          mounts: [],
          network: each.network,
          security: each.security,
          devices: [],
        };
      }
      if (each.kind === 'copy' || each.kind === 'add') {
        const from =
          each.kind === 'copy' && each.from !== ''
            ? { kind: 'stage' as const, index: file.stages.find(({ name }) => name === each.from)!.index }
            : { kind: 'context' as const };
        return {
          kind: 'copy',
          ...base,
          title: layer(),
          history: history(`${each.source} # buildkit`),
          add: each.kind === 'add',
          from,
          sources: each.sources.map((path) => ({ kind: 'path', path: `/${path}` })),
          destination: each.destination.startsWith('/') ? each.destination : `${config.WorkingDir || ''}/${each.destination}`,
          chown: each.chown,
          chmod: each.chmod,
          link: each.link,
          parents: false,
          exclude: [],
          unpack: undefined,
        };
      }
      if (each.kind === 'workdir') {
        config.WorkingDir = each.path;
        return { kind: 'workdir', ...base, title: layer(), history: history(`WORKDIR ${each.path}`), path: each.path, user: config.User ?? '' };
      }
      if (each.kind === 'env') config.Env = [...env(), ...each.pairs.map(({ key, value }) => `${key}=${value}`)];
      if (each.kind === 'cmd') config.Cmd = each.command.shell ? ['/bin/sh', '-c', ...each.command.words] : each.command.words;
      return { kind: 'config', ...base, title: each.source, history: history(each.source, true) };
    });
    settings[stage.index] = config;
    return {
      index: stage.index,
      name: stage.name,
      fromTitle: `[${stage.name === '' ? '' : `${stage.name} `}1/${total}] `,
      base:
        prior !== undefined
          ? { kind: 'stage', index: prior.index }
          : stage.base === 'scratch'
            ? { kind: 'scratch' }
            : { kind: 'image', key: stage.base, name: stage.base, platform: options.buildPlatform },
      baseName: stage.base,
      platform: options.buildPlatform,
      location: stage.location,
      steps,
      needs: [],
      settings: config,
      author: '',
      ignoreCache: options.noCache !== undefined,
    } as any;
  });
  return { missing: [], plan: { stages: planned, target: planned.at(-1), warnings: [], unusedArgs: [] } } as any;
}

export function ignorePatterns(_text: string | undefined): string[] {
  return [];
}
export function ignoreMatcher(_text: string | undefined): ((path: string) => boolean) | undefined {
  return undefined;
}
export function excludeMatcher(_patterns: readonly string[]): ((path: string) => boolean) | undefined {
  return undefined;
}
