// What every panel of a board needs to know.
import { type GrafanaTheme2, type ScopedVars, type TimeRange, dateTimeFormat } from '@grafana/data';
import type { Mark } from './annotations';
import type { Source, Viewer } from './api';
import type { Board, DataSourceRef } from './board';
import { type Format, IN_TEXT, type Variables, interpolate } from './interpolate';

export interface Context {
  viewer: Viewer; board: Board; theme: GrafanaTheme2; timeZone: string; range: TimeRange; variables: Variables;
  /** What links carry along: var-x=… of every variable, from=… and to=…. */
  urlVariables: string; urlTime: string;
  marks: Mark[];
  /** Another object whenever panels have to ask again: not for marks, which come later. */
  turn: object;
  /** Grows with every refresh. */
  tick: number;
  onRange: (from: number, to: number) => void;
}

/** The same for a panel that is repeated for one value. */
export function scoped(context: Context, repeated: Record<string, string>): Context {
  const names = Object.keys(repeated);
  if (!names.length) return context;
  const variables = new Map(context.variables);
  for (const name of names) variables.set(name, { value: repeated[name], text: repeated[name] });
  return { ...context, variables };
}

/** The data source that a panel, query, variable or annotation names. */
export function sourceOf(context: Pick<Context, 'viewer' | 'variables'>, ...refs: Array<DataSourceRef | string | null | undefined>): Source {
  const { sources } = context.viewer;
  const uids = refs.map((ref) => (typeof ref === 'string' ? ref : ref?.uid)).filter((uid): uid is string => !!uid && uid !== '-- Mixed --');
  const uid = uids.length ? interpolate(uids[0], context.variables, IN_TEXT, true) : undefined;
  const found = sources.find((s) => (uid === undefined || uid === 'default' ? s.type === 'prometheus' : s.uid === uid || s.name === uid));
  if (!found) throw new Error(`unknown data source ${uid}: there are ${sources.map((s) => s.uid).join(', ')}`);
  return found;
}

const EPOCH = (time: number, format?: string) => (format?.startsWith('date') ? (format === 'date' || format === 'date:iso' ? new Date(time).toISOString() : format === 'date:seconds' ? String(Math.floor(time / 1000)) : dateTimeFormat(time, { format: format.slice(5) })) : String(time));

/** Names that every text may use. */
export function builtIn(context: Context, scopedVars?: ScopedVars, inUrl = false) {
  return (name: string, path?: string, format?: string): string | undefined => {
    switch (name) {
      case '__from': return EPOCH(context.range.from.valueOf(), format);
      case '__to': return EPOCH(context.range.to.valueOf(), format);
      case '__dashboard': return path === 'uid' ? context.board.uid : context.board.title;
      case '__url_time_range': return context.urlTime;
      case '__all_variables': return context.urlVariables;
      case '__range': return `${context.range.to.unix() - context.range.from.unix()}s`;
      case '__range_s': return String(context.range.to.unix() - context.range.from.unix());
      case '__range_ms': return String(context.range.to.valueOf() - context.range.from.valueOf());
    }
    const scoped = scopedVars?.[name];
    if (scoped && !path) return [scoped.value].flat().join(',');
    return scopedVars && ofData(scopedVars, name, path, format ?? (inUrl ? 'percentencode' : undefined));
  };
}

/** ${__field.labels.x}, ${__value.text}, ${__data.fields["x"]} and the like, in links of a value. */
function ofData(scopedVars: ScopedVars, name: string, path = '', format?: string): string | undefined {
  const data = scopedVars.__dataContext?.value;
  if (!data || !name.startsWith('__')) return undefined;
  const encode = (v: unknown) => (format === 'percentencode' ? encodeURIComponent(String(v ?? '')) : String(v ?? ''));
  const key = path.replace(/^(labels|fields)\.?/, '').replace(/^\[?["']?(.*?)["']?\]?$/, '$1');
  const { field, frame, rowIndex, calculatedValue } = data as any;
  const raw = calculatedValue?.numeric ?? (rowIndex === undefined ? undefined : field.values[rowIndex]);
  switch (name) {
    case '__series': return encode(field.state?.displayName ?? frame.name ?? field.name);
    case '__field': return path.startsWith('labels') ? encode(field.labels?.[key]) : encode(field.state?.displayName ?? field.name);
    case '__value': {
      if (path === 'time') return encode(frame.fields.find((f: any) => f.type === 'time')?.values[rowIndex ?? 0]);
      return path === 'text' ? encode(calculatedValue?.text ?? field.display?.(raw).text) : encode(raw);
    }
    case '__data': {
      const of = frame.fields.find((f: any, i: number) => f.name === key || f.state?.displayName === key || String(i) === key);
      return of ? encode(of.values[rowIndex ?? 0]) : undefined;
    }
  }
  return undefined;
}

/** Puts variables into a text that is shown. */
export function replacer(context: Context) {
  return (text: string | undefined, scopedVars?: ScopedVars, format?: Format | string | Function): string => {
    const encoded = format === 'uriencode';
    const inUrl: Format = (values) => values.map((v) => encodeURIComponent(v)).join(',');
    return interpolate(text ?? '', context.variables, encoded ? inUrl : IN_TEXT, false, builtIn(context, scopedVars, encoded));
  };
}
