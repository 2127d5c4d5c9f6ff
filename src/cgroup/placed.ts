import type { Resources } from '../runtime/spec.ts';
import type { CgroupLayout, HasFile, Hierarchy, Setting } from './contract.ts';
import { settingsV1 } from './settings-v1.ts';
import { settingsV2 } from './settings-v2.ts';

/** Gives each setting to the hierarchy that has its controller; one that none has becomes a warning. */
export function placed(layout: CgroupLayout, resources: Resources, has: HasFile, current?: Parameters<typeof settingsV1>[1]) {
  const settings: (Setting & { readonly hierarchy: Hierarchy })[] = [];
  const wanted = new Map<string, Setting>();
  const found = new Set<string>();
  for (const version of [1, 2] as const) {
    if (!layout.hierarchies.some((hierarchy) => hierarchy.version === version)) continue;
    for (const setting of version === 1 ? settingsV1(resources, current) : settingsV2(resources)) {
      wanted.set(setting.subject, setting);
      const hierarchy = layout.hierarchies.find((each) => each.version === version && has(each, setting.controller, setting.file));
      if (hierarchy === undefined) continue;
      found.add(setting.subject);
      settings.push({ ...setting, hierarchy });
    }
  }
  const warnings = [...wanted.values()]
    .filter((setting) => !found.has(setting.subject))
    .map((setting) =>
      layout.hierarchies.some((hierarchy) => hierarchy.controllers.includes(setting.controller))
        ? `${setting.subject}: this kernel's ${setting.controller} controller has no ${setting.file}; the limit is left out`
        : `${setting.subject}: this machine has no ${setting.controller} controller; the limit is left out`,
    );
  return { settings, warnings };
}
