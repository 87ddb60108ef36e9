// Prometheus' answers as data frames.
import { type DataFrame, FieldType, type TimeRange, rangeUtil, toDataFrame } from '@grafana/data';
import { prometheus } from './api';
import type { PanelJson, Target } from './board';
import { type Context, builtIn } from './context';
import { IN_PROMQL, IN_TEXT, interpolate } from './interpolate';

interface Series { labels: Record<string, string>; points: Array<[number, string]> }
interface Grid { from: number; to: number; step: number }

/** No number is a gap, as in Grafana; drawn, it would leave the axis without ends. */
const number = (v: string) => (v === 'NaN' ? null : v === '+Inf' ? Infinity : v === '-Inf' ? -Infinity : Number(v));

function seriesOf(data: any): Series[] {
  if (data.resultType === 'scalar' || data.resultType === 'string') return [{ labels: {}, points: [data.result] }];
  return data.result.map((r: any) => ({ labels: r.metric, points: r.values ?? [r.value] }));
}

/** A series' name after its query's legend; `undefined` leaves the choice to Grafana's shortest name. */
function nameOf(format: string | undefined, labels: Record<string, string>, expr: string): string | undefined {
  const { __name__ = '', ...rest } = labels;
  const pairs = Object.entries(rest).map(([k, v]) => `${k}="${v}"`).join(', ');
  if (format === '__auto') return pairs || __name__ ? undefined : expr;
  if (!format) return (pairs ? `${__name__}{${pairs}}` : __name__) || expr;
  return format.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

/** The step of a query, and the texts that depend on it. */
function timing(context: Context, panel: PanelJson, target: Target, range: TimeRange, width: number, scrapeSeconds: number) {
  const least = target.interval || panel.interval;
  const text = least ? interpolate(least, context.variables, IN_TEXT, true).replace(/^>/, '') : `${scrapeSeconds}s`;
  const calculated = rangeUtil.calculateInterval(range, panel.maxDataPoints ?? width, text);
  const intervalMs = calculated.intervalMs * (target.intervalFactor || 1);
  const scrape = (least ? rangeUtil.intervalToMs(text) : scrapeSeconds * 1000) / 1000;
  const names: Record<string, string> = {
    __interval: calculated.interval, __interval_ms: String(intervalMs),
    __rate_interval: `${Math.max(Math.ceil(intervalMs / 1000) + scrape, 4 * scrape)}s`,
  };
  names.__rate_interval_ms = String(parseFloat(names.__rate_interval) * 1000);
  const step = intervalMs / 1000;
  const align = (seconds: number) => Math.floor(seconds / step) * step;
  return { names, intervalMs, grid: { from: align(range.from.unix()), to: align(range.to.unix()), step } };
}

/** Runs one query of a panel. */
export async function query(context: Context, panel: PanelJson, target: Target, range: TimeRange, width: number, scrapeSeconds: number): Promise<DataFrame[]> {
  const { names, intervalMs, grid } = timing(context, panel, target, range, width, scrapeSeconds);
  const known = builtIn({ ...context, range });
  const expr = interpolate(target.expr ?? '', context.variables, IN_PROMQL, true, (name, path, format) => names[name] ?? known(name, path, format));
  if (!expr.trim()) throw new Error(`query ${target.refId} is empty`);
  const frames: DataFrame[] = [];
  const wantsRange = target.range ?? !target.instant;
  try {
    if (target.instant) {
      const data = await prometheus('query', { query: expr, time: String(range.to.unix()) });
      frames.push(...shaped(panel, target, seriesOf(data), expr, intervalMs, undefined, context));
    }
    if (wantsRange) {
      const data = await prometheus('query_range', { query: expr, start: String(grid.from), end: String(grid.to), step: String(grid.step) });
      frames.push(...shaped(panel, target, seriesOf(data), expr, intervalMs, grid, context));
    }
  } catch (e: any) {
    throw new Error(`query ${target.refId}: ${e.message}`);
  }
  return frames;
}

function shaped(panel: PanelJson, target: Target, series: Series[], expr: string, intervalMs: number, grid: Grid | undefined, context: Context): DataFrame[] {
  if (!series.length) return [];
  if (target.format === 'table') return [table(panel, target, series)];
  const legend = target.legendFormat && interpolate(target.legendFormat, context.variables, IN_TEXT, false);
  return series.map((s) => {
    // Prometheus leaves gaps out; on the grid of steps they are shown as gaps.
    const at = new Map(s.points.map(([time, value]) => [Math.round(time * 1000), number(value)]));
    const times = grid ? Array.from({ length: Math.floor((grid.to - grid.from) / grid.step + 1e-6) + 1 }, (_, i) => Math.round((grid.from + i * grid.step) * 1000)) : [...at.keys()];
    return toDataFrame({ refId: target.refId, meta: { type: 'timeseries-multi' }, fields: [
      { name: 'Time', type: FieldType.time, config: { interval: intervalMs }, values: times },
      { name: 'Value', type: FieldType.number, labels: s.labels, config: { displayNameFromDS: nameOf(legend, s.labels, expr) }, values: times.map((t) => at.get(t) ?? null) },
    ] });
  });
}

function table(panel: PanelJson, target: Target, series: Series[]): DataFrame {
  const rows = series.flatMap((s) => s.points.map(([time, value]) => ({ time: time * 1000, labels: s.labels, value: number(value) })));
  const names = [...new Set(series.flatMap((s) => Object.keys(s.labels)))].sort();
  const several = (panel.targets ?? []).filter((t) => t.expr).length > 1;
  return toDataFrame({ refId: target.refId, fields: [
    { name: 'Time', type: FieldType.time, values: rows.map((r) => r.time) },
    ...names.map((name) => ({ name, type: FieldType.string, config: { filterable: true }, values: rows.map((r) => r.labels[name] ?? '') })),
    { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, values: rows.map((r) => r.value) },
  ] });
}
