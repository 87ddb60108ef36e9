// Lines of the search engine as a data frame.
import { type DataFrame, FieldType, type TimeRange, toDataFrame } from '@grafana/data';
import { search } from './api';
import type { Target } from './board';
import { type Context, builtIn } from './context';
import { IN_LUCENE, interpolate } from './interpolate';

const LEVEL = ['severity_label', 'level', 'log.level'];
const DEFAULT_LINES = 100;

export function lucene(context: Context, text: string): string {
  return interpolate(text, context.variables, IN_LUCENE, true, builtIn(context)) || '*';
}

/** A field of a document, with its parts separated by dots. */
export function fieldOf(fields: Record<string, any>, path: string): unknown {
  return path in fields ? fields[path] : path.split('.').reduce<any>((at, part) => at?.[part], fields);
}

export function levelOf(fields: Record<string, any>): string {
  return String(LEVEL.map((name) => fieldOf(fields, name)).find((v) => v !== undefined) ?? '');
}

/** Runs one query of a logs panel. */
export async function query(context: Context, target: Target, range: TimeRange): Promise<DataFrame[]> {
  const metric = target.metrics?.[0];
  if (metric && !['logs', 'raw_data', 'raw_document'].includes(metric.type)) {
    throw new Error(`query ${target.refId}: the metric ${metric.type} of Elasticsearch is not drawn by this viewer, only logs`);
  }
  const size = Number(metric?.settings?.limit ?? metric?.settings?.size ?? DEFAULT_LINES);
  try {
    const { lines } = await search(lucene(context, target.query ?? ''), range.from.valueOf(), range.to.valueOf(), size);
    if (!lines.length) return [];
    return [toDataFrame({ refId: target.refId, meta: { preferredVisualisationType: 'logs' }, fields: [
      { name: 'Time', type: FieldType.time, values: lines.map((l) => l.time) },
      { name: 'Line', type: FieldType.string, values: lines.map((l) => String(fieldOf(l.fields, 'message') ?? JSON.stringify(l.fields))) },
      { name: 'level', type: FieldType.string, values: lines.map((l) => levelOf(l.fields)) },
      { name: 'fields', type: FieldType.other, values: lines.map((l) => l.fields) },
      { name: 'id', type: FieldType.string, values: lines.map((l) => l.id) },
    ] })];
  } catch (e: any) {
    throw new Error(`query ${target.refId}: ${e.message}`);
  }
}
