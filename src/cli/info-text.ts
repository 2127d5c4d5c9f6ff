/** What `info` says, in docker's layout. */
import { binarySize } from './units.ts';

type Json = Readonly<Record<string, unknown>>;

/** Of a document as `GET /info` has it; what is not in it is left out. */
export function infoText(info: Json, clientVersion: string): string {
  const line = (name: string, value: unknown, indent = ' ') =>
    value === undefined || value === null || value === '' ? [] : [`${indent}${name}: ${String(value)}`];
  const pairs = (info['DriverStatus'] as readonly (readonly [string, string])[] | null | undefined) ?? [];
  const plugins = (info['Plugins'] as Readonly<Record<string, readonly string[] | null>> | undefined) ?? {};
  const security = (info['SecurityOptions'] as readonly string[] | undefined) ?? [];
  const runtimes = Object.keys((info['Runtimes'] as object | undefined) ?? {});
  const swarm = info['Swarm'] as { readonly LocalNodeState?: string } | undefined;
  const registries = info['RegistryConfig'] as { readonly InsecureRegistryCIDRs?: readonly string[] | null } | undefined;
  return [
    'Client:',
    ` Version:    ${clientVersion}`,
    '',
    'Server:',
    ...line('Containers', info['Containers']),
    ...line('Running', info['ContainersRunning'], '  '),
    ...line('Paused', info['ContainersPaused'], '  '),
    ...line('Stopped', info['ContainersStopped'], '  '),
    ...line('Images', info['Images']),
    ...line('Server Version', info['ServerVersion']),
    ...line('Storage Driver', info['Driver']),
    ...pairs.flatMap(([name, value]) => line(name, value, '  ')),
    ...line('Logging Driver', info['LoggingDriver']),
    ...line('Cgroup Driver', info['CgroupDriver']),
    ...line('Cgroup Version', info['CgroupVersion']),
    ...(Object.keys(plugins).length === 0 ? [] : [' Plugins:']),
    ...Object.entries(plugins).flatMap(([name, all]) => (all?.length ? line(name, all.join(' '), '  ') : [])),
    ...line('Swarm', swarm?.LocalNodeState),
    ...line('Runtimes', runtimes.join(' ')),
    ...line('Default Runtime', info['DefaultRuntime']),
    ...line('Init Binary', info['InitBinary']),
    ...(security.length === 0 ? [] : [' Security Options:']),
    ...security.flatMap((text) => {
      const words = Object.fromEntries(text.split(',').map((word) => word.split('=')));
      const { name, ...rest } = words as Readonly<Record<string, string>>;
      return [`  ${name}`, ...Object.entries(rest).map(([key, value]) => `   ${key[0]!.toUpperCase()}${key.slice(1)}: ${value}`)];
    }),
    ...line('Kernel Version', info['KernelVersion']),
    ...line('Operating System', info['OperatingSystem']),
    ...line('OSType', info['OSType']),
    ...line('Architecture', info['Architecture']),
    ...line('CPUs', info['NCPU']),
    ...line('Total Memory', typeof info['MemTotal'] === 'number' ? binarySize(info['MemTotal']) : undefined),
    ...line('Name', info['Name']),
    ...line('ID', info['ID']),
    ...line('Docker Root Dir', info['DockerRootDir']),
    ...line('Debug Mode', info['Debug']),
    ...line('HTTP Proxy', info['HttpProxy']),
    ...line('HTTPS Proxy', info['HttpsProxy']),
    ...line('No Proxy', info['NoProxy']),
    ...line('Experimental', info['ExperimentalBuild']),
    ...(registries?.InsecureRegistryCIDRs?.length ? [' Insecure Registries:', ...registries.InsecureRegistryCIDRs.map((text) => `  ${text}`)] : []),
    ...line('Live Restore Enabled', info['LiveRestoreEnabled']),
    '',
  ].join('\n');
}
