/** The limits of a run as an OCI `resources` object, with Docker's defaults and checks. */
import { invalid } from '../base/errors.ts';
import type { MachineFacts } from './contract.ts';
import type { DeviceRate, RunOptions } from './run-options.ts';
import type { DeviceRule, Resources, Throttle } from './spec.ts';

const MIN_MEMORY = 6 << 20;
const CPU_PERIOD = 100_000;
const [MIN_WEIGHT, MAX_WEIGHT] = [10, 1000];

/** Throws `invalid` in Docker's words for limits that contradict each other. */
export function resourcesOf(options: RunOptions, machine: MachineFacts, deviceRules: readonly DeviceRule[]): Resources {
  const { limits } = options;
  const out: Resources = { devices: [...deviceRules] };
  const memory = memoryOf(options);
  if (Object.keys(memory).length > 0) out.memory = memory;
  const cpu = cpuOf(options, machine);
  if (Object.keys(cpu).length > 0) out.cpu = cpu;
  if (limits.pids !== undefined && limits.pids !== 0) out.pids = { limit: limits.pids };
  const rate = (entry: DeviceRate): Throttle => ({ ...numbers(machine, entry.path), rate: entry.rate });
  const blockIO: NonNullable<Resources['blockIO']> = {};
  if (limits.blkioWeight) {
    if (limits.blkioWeight < MIN_WEIGHT || limits.blkioWeight > MAX_WEIGHT) throw invalid('Range of blkio weight is from 10 to 1000');
    blockIO.weight = limits.blkioWeight;
  }
  if (limits.blkioWeightDevice.length > 0) {
    blockIO.weightDevice = limits.blkioWeightDevice.map(({ path, rate: weight }) => {
      if (weight !== 0 && (weight < MIN_WEIGHT || weight > MAX_WEIGHT)) throw invalid(`invalid weight for device: ${path}:${weight}`);
      return { ...numbers(machine, path), weight };
    });
  }
  if (limits.readBps.length > 0) blockIO.throttleReadBpsDevice = limits.readBps.map(rate);
  if (limits.writeBps.length > 0) blockIO.throttleWriteBpsDevice = limits.writeBps.map(rate);
  if (limits.readIops.length > 0) blockIO.throttleReadIOPSDevice = limits.readIops.map(rate);
  if (limits.writeIops.length > 0) blockIO.throttleWriteIOPSDevice = limits.writeIops.map(rate);
  if (Object.keys(blockIO).length > 0) out.blockIO = blockIO;
  if (limits.hugepages.length > 0) out.hugepageLimits = limits.hugepages.map((entry) => ({ ...entry }));
  if (Object.keys(limits.unified).length > 0) out.unified = { ...limits.unified };
  return out;
}

function memoryOf({ limits }: RunOptions): NonNullable<Resources['memory']> {
  const { memory, memorySwap, memoryReservation, memorySwappiness } = limits;
  const out: NonNullable<Resources['memory']> = {};
  if (memory !== undefined && memory !== 0) {
    if (memory < MIN_MEMORY) throw invalid('Minimum memory limit allowed is 6MB');
    out.limit = memory;
    // Docker gives as much swap as memory
    if (!memorySwap) out.swap = memory * 2;
  }
  if (memorySwap) {
    if (!memory && memorySwap > 0) throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
    if (memory && memorySwap > 0 && memorySwap < memory) throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
    out.swap = memorySwap;
  }
  if (memoryReservation) {
    if (memoryReservation < MIN_MEMORY) throw invalid('Minimum memory reservation allowed is 6MB');
    if (memory && memory < memoryReservation) throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
    out.reservation = memoryReservation;
  }
  if (memorySwappiness !== undefined && memorySwappiness !== -1) {
    if (memorySwappiness < 0 || memorySwappiness > 100) throw invalid(`Invalid value: ${memorySwappiness}, valid memory swappiness range is 0-100`);
    out.swappiness = memorySwappiness;
  }
  if (limits.kernelMemoryTcp) out.kernelTCP = limits.kernelMemoryTcp;
  if (limits.oomKillDisable) out.disableOOMKiller = true;
  return out;
}

function cpuOf({ limits }: RunOptions, machine: MachineFacts): NonNullable<Resources['cpu']> {
  const out: NonNullable<Resources['cpu']> = {};
  if (limits.nanoCpus) {
    if (limits.cpuPeriod) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
    if (limits.cpuQuota) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
    const { cpus = Infinity } = machine;
    if (limits.nanoCpus < 10_000_000 || limits.nanoCpus > cpus * 1e9)
      throw invalid(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
    out.period = CPU_PERIOD;
    out.quota = Math.round((limits.nanoCpus * CPU_PERIOD) / 1e9);
  }
  if (limits.cpuShares) {
    if (limits.cpuShares < 0) throw invalid(`invalid CPU shares (${limits.cpuShares}): value must be a positive integer`);
    out.shares = limits.cpuShares;
  }
  if (limits.cpuPeriod) {
    if (limits.cpuPeriod < 1000 || limits.cpuPeriod > 1_000_000)
      throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
    out.period = limits.cpuPeriod;
  }
  if (limits.cpuQuota) {
    if (limits.cpuQuota > 0 && limits.cpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
    out.quota = limits.cpuQuota;
  }
  if (limits.cpuRtRuntime && limits.cpuRtPeriod && limits.cpuRtRuntime > limits.cpuRtPeriod)
    throw invalid('cpu real-time runtime cannot be higher than cpu real-time period');
  if (limits.cpuRtRuntime) out.realtimeRuntime = limits.cpuRtRuntime;
  if (limits.cpuRtPeriod) out.realtimePeriod = limits.cpuRtPeriod;
  if (limits.cpusetCpus) out.cpus = list(limits.cpusetCpus, '--cpuset-cpus');
  if (limits.cpusetMems) out.mems = list(limits.cpusetMems, '--cpuset-mems');
  return out;
}

function list(text: string, flag: string): string {
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) throw invalid(`Invalid value ${text} for ${flag.slice(2).replace('-', ' ')}: invalid format: ${text}`);
  return text;
}

function numbers(machine: MachineFacts, path: string): { major: number; minor: number } {
  const device = machine.device(path);
  if (device === undefined) throw invalid(machine.kind(path) === 'missing' ? `stat ${path}: no such file or directory` : `${path}: no such device`);
  return { major: device.major, minor: device.minor };
}

/** `c 1:3 rwm`, `a *:* rwm`, as `--device-cgroup-rule` takes it. */
export function deviceRule(text: string): DeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
  if (match === null) throw invalid(`invalid device cgroup format '${text}'`);
  const number = (value: string) => (value === '*' ? {} : { n: Number(value) });
  const [major, minor] = [number(match[2]!).n, number(match[3]!).n];
  return { allow: true, type: match[1]!, ...(major === undefined ? {} : { major }), ...(minor === undefined ? {} : { minor }), access: match[4]! };
}
