// Marks on the time axis, from Prometheus and from the search engine.
import { rangeUtil } from '@grafana/data';
import { prometheus, search } from './api';
import type { Annotation } from './board';
import { type Context, builtIn, sourceOf } from './context';
import { IN_PROMQL, interpolate } from './interpolate';
import { fieldOf, lucene } from './logs';

/** `end` where it lasts. `ids` and `exclude` say on which panels it is. */
export interface Mark { name: string; time: number; end?: number; color: string; text: string; ids?: number[]; exclude?: boolean }
export interface Marks { marks: Mark[]; errors: Array<{ name: string; error: string }> }
const MOST = 200;

export const drawn = (list: Annotation[] | undefined) => (list ?? []).filter((a) => !a.builtIn && a.datasource !== '-- Grafana --' && (a.datasource as any)?.uid !== '-- Grafana --');

/** Runs all annotations that are on; an error stays with its annotation. */
export async function run(context: Context, off: Set<string>): Promise<Marks> {
  const errors: Marks['errors'] = [];
  const lists = await Promise.all(drawn(context.board.annotations?.list).filter((a) => !off.has(a.name)).map(async (a) => {
    try {
      const source = sourceOf(context, a.datasource);
      const marks = source.type === 'prometheus' ? await ofPrometheus(context, a) : await ofLogs(context, a);
      return marks.slice(0, MOST).map((m) => ({ ...m, ids: a.filter?.ids, exclude: a.filter?.exclude }));
    } catch (e: any) {
      errors.push({ name: a.name, error: e.message });
      return [];
    }
  }));
  return { marks: lists.flat(), errors };
}

export const isOn = (mark: Mark, panel: number) => !mark.ids?.length || mark.ids.includes(panel) !== !!mark.exclude;

async function ofPrometheus(context: Context, a: Annotation): Promise<Mark[]> {
  const range = context.range;
  // Not more than 11,000 points: Prometheus refuses more.
  const least = Math.ceil((range.to.unix() - range.from.unix()) / 10_000);
  const step = Math.max(rangeUtil.intervalToMs(a.step || '60s') / 1000, least);
  const expr = interpolate(a.expr ?? a.target?.expr ?? '', context.variables, IN_PROMQL, true, builtIn(context));
  const align = (seconds: number) => String(Math.floor(seconds / step) * step);
  const data = await prometheus<any>('query_range', { query: expr, start: align(range.from.unix()), end: align(range.to.unix()), step: String(step) });
  const marks: Mark[] = [];
  for (const { metric, values } of data.result as Array<{ metric: Record<string, string>; values: Array<[number, string]> }>) {
    const fill = (format?: string) => (format ?? '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, l) => metric[l] ?? '');
    const text = [fill(a.titleFormat), fill(a.textFormat)].filter(Boolean).join('\n') || a.name;
    const mark = (time: number): Mark => ({ name: a.name, time, color: a.iconColor ?? 'red', text });
    let last: Mark | undefined;
    const moments = new Set<number>();
    for (const [seconds, value] of values) {
      if (!Number(value)) continue;
      if (a.useValueForTime === true || a.useValueForTime === 'on') {
        const moment = Math.floor(Number(value));
        // Each step tells of the same moment again.
        if (!moments.has(moment)) marks.push(mark(moment));
        moments.add(moment);
        continue;
      }
      const time = seconds * 1000;
      // What holds at one step after the other is one that lasts.
      if (last && time - (last.end ?? last.time) <= step * 1000) last.end = time;
      else marks.push((last = mark(time)));
    }
  }
  return marks;
}

async function ofLogs(context: Context, a: Annotation): Promise<Mark[]> {
  const { from, to } = context.range;
  const { lines } = await search(lucene(context, a.target?.query ?? a.query ?? ''), from.valueOf(), to.valueOf(), MOST);
  return lines.map((line) => {
    const tags = a.tagsField ? fieldOf(line.fields, a.tagsField) : undefined;
    const text = fieldOf(line.fields, a.textField || 'message');
    return { name: a.name, time: line.time, color: a.iconColor ?? 'red', text: [text, tags].filter((v) => v !== undefined).join('\n') };
  });
}
