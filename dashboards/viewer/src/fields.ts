// What Grafana's app (not its packages) registers at its start: transformations, field options, defaults of panels.
import {
  type DataFrame, FieldColorModeId, type FieldConfigPropertyItem, type FieldConfigSource, Registry, ThresholdsMode, applyFieldOverrides, booleanOverrideProcessor,
  cacheFieldDisplayNames, dataLinksOverrideProcessor, displayNameOverrideProcessor, fieldMatchers, fieldReducers, getValueFormats, identityOverrideProcessor, locationUtil,
  numberOverrideProcessor, standardTransformers, standardTransformersRegistry, stringOverrideProcessor, thresholdsOverrideProcessor, transformDataFrame,
  unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import type { PanelJson } from './board';
import { type Context, replacer } from './context';
import { isCustom, isOption, isStandard } from './known';

// Some are there twice, by an alias.
const transformers = new Map(Object.values(standardTransformers).map((t: any) => [t.id, { id: t.id, name: t.name, transformation: t }]));
standardTransformersRegistry.setInit(() => [...transformers.values()] as any);
locationUtil.initialize({ config: { appSubUrl: '' } as any, getTimeRangeForUrl: () => ({ from: '', to: '' }), getVariablesUrlParams: () => ({}) });

const processors: Record<string, any> = {
  displayName: displayNameOverrideProcessor, unit: unitOverrideProcessor, min: numberOverrideProcessor, max: numberOverrideProcessor, decimals: numberOverrideProcessor,
  noValue: stringOverrideProcessor, color: identityOverrideProcessor, thresholds: thresholdsOverrideProcessor, mappings: valueMappingsOverrideProcessor,
  links: dataLinksOverrideProcessor, actions: identityOverrideProcessor, description: stringOverrideProcessor, filterable: booleanOverrideProcessor, fieldMinMax: booleanOverrideProcessor,
};
const customDefaults: Record<string, Record<string, unknown>> = {
  timeseries: {
    drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none', pointSize: 5, showPoints: 'auto', spanNulls: false, insertNulls: false,
    barAlignment: 0, barWidthFactor: 0.6, stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false,
    scaleDistribution: { type: 'linear' }, axisCenteredZero: false, hideFrom: { legend: false, tooltip: false, viz: false }, thresholdsStyle: { mode: 'off' },
  },
  'state-timeline': { lineWidth: 0, fillOpacity: 70 },
  table: { align: 'auto', cellOptions: { type: 'auto' }, inspect: false },
};
const steps = [{ color: 'green', value: -Infinity }, { color: 'red', value: 80 }];
const units = new Set(getValueFormats().flatMap((group) => group.submenu?.map((unit) => unit.value) ?? []));
const isUnit = (unit: string) => units.has(unit) || /^(suffix|prefix|time|si|count|currency|bool):/.test(unit);

/** What is wrong with a panel's options although Grafana would take it in silence. */
export function problemsOf(panel: PanelJson, series: DataFrame[]): string[] {
  const found: string[] = [];
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  for (const name of Object.keys(panel.options ?? {})) if (!isOption(panel.type, name)) found.push(`unknown option options.${name}`);
  for (const name of Object.keys(defaults)) if (!isStandard(name)) found.push(`unknown option fieldConfig.defaults.${name}`);
  for (const name of Object.keys(defaults.custom ?? {})) if (!isCustom(panel.type, name)) found.push(`unknown option fieldConfig.defaults.custom.${name}`);
  const properties = overrides.flatMap((o) => o.properties);
  for (const { id } of properties) {
    const known = id.startsWith('custom.') ? isCustom(panel.type, id.split('.')[1]) : id in processors;
    if (!known) found.push(`unknown override property ${id}`);
  }
  for (const unit of [defaults.unit, ...properties.filter((p) => p.id === 'unit').map((p) => p.value)]) {
    if (unit && !isUnit(String(unit))) found.push(`unknown unit ${unit}`);
  }
  for (const calc of [panel.options?.reduceOptions?.calcs ?? [], panel.options?.legend?.calcs ?? []].flat()) {
    if (!fieldReducers.getIfExists(calc)) found.push(`unknown reducer ${calc}`);
  }
  for (const { matcher } of overrides) {
    const kind = fieldMatchers.getIfExists(matcher.id);
    if (!kind) {
      found.push(`unknown matcher ${matcher.id}`);
      continue;
    }
    const match = kind.get(matcher.options);
    if (series.length && !series.some((frame) => frame.fields.some((field) => match(field, frame, series)))) {
      found.push(`override ${matcher.id} ${JSON.stringify(matcher.options)} matches no field of ${series.flatMap((f) => f.fields.map((field) => field.config.displayNameFromDS ?? field.name)).join(', ')}`);
    }
  }
  return found;
}

/** A panel's transformations, and its field options put into each field. */
export async function prepare(context: Context, panel: PanelJson, frames: DataFrame[]): Promise<{ series: DataFrame[]; fieldConfig: FieldConfigSource; problems: string[] }> {
  const replace = replacer(context);
  const wanted = (panel.transformations ?? []).filter((t) => !t.disabled);
  for (const { id } of wanted) if (!standardTransformersRegistry.getIfExists(id)) throw new Error(`transformation ${id} is not in @grafana/data, so this viewer cannot draw it`);
  const data = wanted.length && frames.length ? await lastValueFrom(transformDataFrame(wanted as any, frames, { interpolate: replace as any })) : frames;
  const problems = problemsOf(panel, data);
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const mode = panel.type === 'timeseries' ? FieldColorModeId.PaletteClassic : FieldColorModeId.Thresholds;
  const fieldConfig: FieldConfigSource = {
    defaults: { color: { mode }, mappings: [], thresholds: { mode: ThresholdsMode.Absolute, steps }, ...defaults, custom: { ...customDefaults[panel.type], ...defaults.custom } },
    overrides: overrides.filter((o) => fieldMatchers.getIfExists(o.matcher.id)) as any,
  };
  const ids = new Set([...Object.keys(processors), ...Object.keys(fieldConfig.defaults.custom ?? {}).map((k) => `custom.${k}`), ...overrides.flatMap((o) => o.properties.map((p) => p.id))]);
  const registry = new Registry<FieldConfigPropertyItem>(() => [...ids].map((id) => ({
    id, name: id, path: id.replace(/^custom\./, ''), isCustom: id.startsWith('custom.'), settings: {}, editor: () => null, override: () => null,
    process: processors[id] ?? identityOverrideProcessor, shouldApply: () => true,
  }) as any));
  const series = applyFieldOverrides({ data, fieldConfig, fieldConfigRegistry: registry, replaceVariables: replace as any, theme: context.theme, timeZone: context.timeZone });
  cacheFieldDisplayNames(series); // tables read their headers from it
  return { series, fieldConfig, problems };
}
