import { invalid } from '../base/errors.ts';
import type { Resources } from '../runtime/spec.ts';
import type { CgroupLayout, HasFile, Hierarchy, Setting } from './contract.ts';
import { settingsV1, type Current } from './settings-v1.ts';
import { settingsV2 } from './settings-v2.ts';

type Versioned = Setting & { readonly version: 1 | 2 };

/** Gives each setting to the hierarchy that has its controller; one that none has becomes a warning. */
export function placed(layout: CgroupLayout, resources: Resources, has: HasFile, current?: Current) {
  const [unified] = Object.keys(resources.unified ?? {});
  if (unified !== undefined && layout.kind === 'v1') throw invalid(`unified resource ${JSON.stringify(unified)}: cannot use unified on cgroup v1`);
  // v1's list first, and whatever the layout: it names all limits that can be asked for
  const all: Versioned[] = [
    ...settingsV1(resources, current).map((setting) => ({ ...setting, version: 1 as const })),
    ...settingsV2(onV1('memory') ? { ...resources, memory: {} } : resources, current).map((setting) => ({ ...setting, version: 2 as const })),
  ];
  const settings: (Setting & { readonly hierarchy: Hierarchy })[] = [];
  const missing = new Map<string, Versioned[]>();
  const reasons = new Map<string, string>();
  for (const setting of all) {
    const hierarchy = layout.hierarchies.find((each) => each.version === setting.version && answer(each, setting));
    if (hierarchy !== undefined) settings.push({ ...setting, hierarchy });
    else if (!setting.optional) missing.set(setting.subject, [...(missing.get(setting.subject) ?? []), setting]);
  }
  // several files, of versions or of schedulers, may stand for one limit: one of them is enough
  for (const { subject } of settings) missing.delete(subject);
  return { settings, warnings: [...missing].map(([subject, files]) => reasons.get(subject) ?? missingText(layout, subject, files)) };

  /** What v2 cannot express is no error where v1 does it. */
  function onV1(controller: string): boolean {
    return layout.hierarchies.some((each) => each.version === 1 && each.controllers.includes(controller));
  }

  function answer(hierarchy: Hierarchy, { controller, file, subject }: Setting): boolean {
    const found = has(hierarchy, controller, file);
    if (typeof found === 'string') reasons.set(subject, `${subject}: ${found}; the limit is left out`);
    return found === true;
  }
}

/** Names the controller: the one that the machine has and that lacks the file, or the one that it lacks. */
function missingText(layout: CgroupLayout, subject: string, files: readonly Versioned[]): string {
  const ownerOf = ({ controller, version }: Versioned) =>
    layout.hierarchies.find((each) => each.version === version && (each.controllers.includes(controller) || (controller === 'cgroup' && version === 2)));
  const owned = files.find(ownerOf);
  if (owned !== undefined) {
    const text = `${subject}: this kernel's ${owned.controller} controller (cgroup v${owned.version}) has no ${owned.file}`;
    if (owned.mustExist) throw invalid(text);
    return `${text}; the limit is left out`;
  }
  const { controller, file } = (layout.kind === 'v2' ? files.find(({ version }) => version === 2) : undefined) ?? files[0]!;
  const other = layout.hierarchies.find((each) => each.controllers.includes(controller));
  return other === undefined
    ? `${subject}: this machine has no ${controller} controller; the limit is left out`
    : `${subject}: this machine's ${controller} controller is of cgroup v${other.version}, which has no ${file}; the limit is left out`;
}
