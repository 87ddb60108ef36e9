// A panel's data: all its queries, each from its own source.
import { type DataFrame, type FieldConfigSource, type TimeRange, dateTime, rangeUtil } from '@grafana/data';
import type { PanelJson } from './board';
import { type Context, sourceOf } from './context';
import { prepare } from './fields';
import * as logs from './logs';
import * as prometheus from './prometheus';

export interface PanelData { series: DataFrame[]; fieldConfig: FieldConfigSource; problems: string[]; range: TimeRange; values: number }

function rangeOf(context: Context, panel: PanelJson): TimeRange {
  let range = context.range;
  if (panel.timeFrom) range = rangeUtil.convertRawToRange({ from: `now-${panel.timeFrom.replace(/^now-/, '')}`, to: 'now' }, context.timeZone);
  if (panel.timeShift) {
    const shift = rangeUtil.intervalToMs(panel.timeShift);
    const [from, to] = [dateTime(range.from.valueOf() - shift), dateTime(range.to.valueOf() - shift)];
    range = { from, to, raw: { from, to } };
  }
  return range;
}

const isValue = (v: unknown) => v !== null && v !== undefined && !(typeof v === 'number' && Number.isNaN(v));

export async function load(context: Context, panel: PanelJson, width: number): Promise<PanelData> {
  const range = rangeOf(context, panel);
  if (panel.type === 'text') return { series: [], fieldConfig: { defaults: {}, overrides: [] }, problems: (await prepare(context, panel, [])).problems, range, values: 1 };
  const targets = (panel.targets ?? []).filter((t) => !t.hide);
  if (!targets.length) throw new Error('the panel has no query');
  const lists = await Promise.all(targets.map((target) => {
    const source = sourceOf(context, panel.datasource && (panel.datasource as any).uid === '-- Mixed --' ? target.datasource : panel.datasource, target.datasource);
    return source.type === 'prometheus' ? prometheus.query(context, panel, target, range, Math.floor(width), source.scrapeSeconds ?? 15) : logs.query(context, target, range);
  }));
  const prepared = await prepare(context, panel, lists.flat());
  const values = prepared.series.reduce((n, f) => n + f.fields.filter((field) => field.type !== 'time').reduce((m, field) => m + field.values.filter(isValue).length, 0), 0);
  return { ...prepared, range, values };
}
