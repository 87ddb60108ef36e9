// What a board's variables can be, and what is chosen.
import { rangeUtil, type TimeRange } from '@grafana/data';
import { prometheus, type Viewer } from './api';
import type { Board, Variable } from './board';
import { sourceOf } from './context';
import { IN_PROMQL, type Variables, interpolate, mentioned } from './interpolate';

export interface Option { text: string; value: string }
export interface Chosen { variable: Variable; options: Option[]; values: string[]; all: boolean; error?: string }
export const ALL = '$__all';

const queryText = (v: Variable): string => (typeof v.query === 'string' ? v.query : (v.query?.query ?? ''));

/** Each after those that it mentions. */
function ordered(list: Variable[]): Variable[] {
  const done: Variable[] = [];
  const visit = (v: Variable, path: string[]) => {
    if (done.includes(v) || path.includes(v.name)) return;
    const text = `${queryText(v)} ${v.regex ?? ''} ${typeof v.datasource === 'object' ? (v.datasource?.uid ?? '') : (v.datasource ?? '')}`;
    for (const name of mentioned(text)) {
      const other = list.find((o) => o.name === name);
      if (other) visit(other, [...path, v.name]);
    }
    done.push(v);
  };
  list.forEach((v) => visit(v, []));
  return done;
}

/** Works all variables out; `url` holds the choices of the page's address. An error stays with its variable. */
export async function resolve(board: Board, viewer: Viewer, url: URLSearchParams, range: TimeRange): Promise<Map<string, Chosen>> {
  const chosen = new Map<string, Chosen>();
  const list = board.templating?.list ?? [];
  for (const variable of ordered(list)) {
    let options: Option[] = [];
    let error: string | undefined;
    try {
      options = await optionsOf(variable, viewer, values(chosen), range);
    } catch (e: any) {
      error = e.message;
    }
    chosen.set(variable.name, choose(variable, options, url.getAll(`var-${variable.name}`), error));
  }
  return new Map(list.map((v) => [v.name, chosen.get(v.name)!]));
}

function choose(variable: Variable, options: Option[], fromUrl: string[], error?: string): Chosen {
  const free = variable.type === 'textbox' || variable.type === 'constant';
  const saved = [variable.current?.value ?? []].flat().map(String).filter((v) => v !== '');
  let wanted = fromUrl.length && !variable.skipUrlSync ? fromUrl : saved;
  if (!variable.multi) wanted = wanted.slice(0, 1);
  const known = (v: string) => options.some((o) => o.value === v);
  if (error === undefined && !free && !fromUrl.length && !wanted.includes(ALL)) wanted = wanted.filter(known);
  if (!wanted.length && variable.includeAll) wanted = [ALL];
  if (!wanted.length && options.length) wanted = [options[0].value];
  const all = wanted.includes(ALL);
  const none = all ? !options.length && !variable.allValue : !wanted.length && !free;
  if (error === undefined && none) error = `no values: ${queryText(variable)} returns nothing`;
  return { variable, options, values: all ? [ALL] : wanted, all, error };
}

/** The choices as texts and queries take them. */
export function values(chosen: Map<string, Chosen>): Variables {
  const known: Variables = new Map();
  for (const [name, { variable, options, values, all, error }] of chosen) {
    const textOf = (v: string) => options.find((o) => o.value === v)?.text ?? v;
    if (error !== undefined) known.set(name, { value: '', error });
    else if (all) known.set(name, { value: options.map((o) => o.value), text: 'All', allValue: variable.allValue || undefined });
    else if (variable.multi) known.set(name, { value: values, text: values.map(textOf) });
    else known.set(name, { value: values[0] ?? '', text: textOf(values[0] ?? '') });
  }
  return known;
}

/** var-x=… of every variable, as addresses have it. */
export function urlOf(chosen: Map<string, Chosen>): string {
  return [...chosen.values()].filter((c) => !c.variable.skipUrlSync && c.error === undefined)
    .flatMap((c) => c.values.map((v) => `var-${encodeURIComponent(c.variable.name)}=${encodeURIComponent(v)}`)).join('&');
}

async function optionsOf(variable: Variable, viewer: Viewer, known: Variables, range: TimeRange): Promise<Option[]> {
  const plain = (value: string): Option => ({ text: value, value });
  switch (variable.type) {
    case 'query': return sorted(filtered(await queried(variable, viewer, known, range), variable.regex), variable.sort ?? 0);
    case 'custom': return split(queryText(variable)).map((item) => {
      const [text, value] = item.split(/\s+:\s+/);
      return { text, value: value ?? text };
    });
    case 'interval': {
      const steps = split(queryText(variable)).map(plain);
      const { interval } = rangeUtil.calculateInterval(range, variable.auto_count ?? 30, variable.auto_min ?? '10s');
      return variable.auto ? [{ text: 'auto', value: interval }, ...steps] : steps;
    }
    case 'datasource': {
      const pattern = variable.regex ? regexOf(variable.regex) : /./;
      const found = viewer.sources.filter((s) => s.type === queryText(variable) && pattern.test(s.name));
      return found.map((s) => ({ text: s.name, value: s.uid }));
    }
    case 'constant':
    case 'textbox': return [plain(String(variable.current?.value ?? queryText(variable)))];
    default: throw new Error(`type ${variable.type} is not drawn by this viewer: query, custom, interval, datasource, constant, textbox are`);
  }
}

const split = (list: string) => list.split(/(?<!\\),/).map((item) => item.replace(/\\,/g, ',').trim()).filter((item) => item !== '');

async function queried(variable: Variable, viewer: Viewer, known: Variables, range: TimeRange): Promise<Option[]> {
  const source = sourceOf({ viewer, variables: known }, variable.datasource);
  if (source.type !== 'prometheus') throw new Error(`queries of ${source.type} are not drawn by this viewer, only those of Prometheus`);
  const seconds = `${range.to.unix() - range.from.unix()}s`;
  const lookup = (name: string) => (name === '__range' ? seconds : undefined);
  const text = interpolate(queryText(variable), known, IN_PROMQL, true, lookup).trim();
  const time = { start: String(range.from.unix()), end: String(range.to.unix()) };
  const option = (value: string): Option => ({ text: value, value });
  let m = /^label_values\((?:([\s\S]+),\s*)?([a-zA-Z_]\w*)\s*\)$/.exec(text);
  if (m) return (await prometheus<string[]>(`label/${m[2]}/values`, { ...time, 'match[]': m[1]?.trim() })).map(option);
  m = /^label_names\((.*)\)$/.exec(text);
  if (m) return (await prometheus<string[]>('labels', { ...time, 'match[]': m[1] || undefined })).map(option);
  m = /^metrics\((.+)\)$/.exec(text);
  if (m) {
    const pattern = new RegExp(m[1]);
    return (await prometheus<string[]>('label/__name__/values', time)).filter((name) => pattern.test(name)).map(option);
  }
  m = /^query_result\(([\s\S]+)\)$/.exec(text);
  if (m) {
    const data = await prometheus<any>('query', { query: m[1], time: time.end });
    const series = data.resultType === 'scalar' ? [{ metric: {}, value: data.result }] : data.result;
    return series.map(({ metric, value }: any) => {
      const { __name__ = '', ...labels } = metric;
      const pairs = Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(',');
      return option(`${__name__}${pairs || !__name__ ? `{${pairs}}` : ''} ${value[1]} ${Math.round(value[0] * 1000)}`);
    });
  }
  throw new Error(`unknown query ${text}: label_values, label_names, metrics, query_result are known`);
}

function regexOf(text: string): RegExp {
  const m = /^\/([\s\S]*)\/(\w*)$/.exec(text);
  return m ? new RegExp(m[1], m[2].replace('g', '')) : new RegExp(`^${text}$`);
}

function filtered(options: Option[], regex?: string): Option[] {
  if (!regex) return unique(options);
  const pattern = regexOf(regex);
  return unique(options.flatMap((o) => {
    const m = pattern.exec(o.value);
    if (!m) return [];
    if (m.groups?.value ?? m.groups?.text) return [{ text: m.groups!.text ?? m.groups!.value, value: m.groups!.value ?? m.groups!.text }];
    return [m.length > 1 ? { text: m[1], value: m[1] } : o];
  }));
}

const unique = (options: Option[]) => [...new Map(options.map((o) => [o.value, o])).values()];

function sorted(options: Option[], sort: number): Option[] {
  if (!sort) return options;
  const number = (o: Option) => Number(/\d+(\.\d+)?/.exec(o.text)?.[0] ?? Infinity);
  const compare: Array<(a: Option, b: Option) => number> = [
    (a, b) => (a.text < b.text ? -1 : 1), (a, b) => number(a) - number(b),
    (a, b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase()), (a, b) => a.text.localeCompare(b.text, undefined, { numeric: true }),
  ];
  const result = [...options].sort(compare[Math.ceil(sort / 2) - 1] ?? compare[0]);
  return sort % 2 ? result : result.reverse();
}
