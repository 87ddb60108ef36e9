// A board on its page: the page's address holds what is chosen.
import { type GrafanaTheme2, type TimeRange, dateTime, rangeUtil } from '@grafana/data';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import * as annotations from './annotations';
import * as api from './api';
import type { Board } from './board';
import type { Context } from './context';
import { Grid } from './grid';
import { report } from './report';
import { Toolbar, isInterval } from './toolbar';
import { type Chosen, resolve, urlOf, values } from './variables';

const MARGIN = 16;
const fromUrl = (text: string) => (/^\d+$/.test(text) ? dateTime(Number(text)) : text);

function useWidth(): number {
  const measure = () => document.documentElement.clientWidth - 2 * MARGIN;
  const [width, setWidth] = useState(measure);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(measure()));
    observer.observe(document.documentElement);
    return () => observer.disconnect();
  }, []);
  return width;
}

interface Raw { from: string; to: string }

export function App({ board, viewer, theme }: { board: Board; viewer: api.Viewer; theme: GrafanaTheme2 }) {
  const width = useWidth();
  const timeZone = board.timezone && board.timezone !== 'browser' ? board.timezone : 'browser';
  const start = useMemo(() => new URLSearchParams(location.search), []);
  const [raw, setRaw] = useState<Raw>({ from: start.get('from') ?? board.time?.from ?? 'now-6h', to: start.get('to') ?? board.time?.to ?? 'now' });
  const [url, setUrl] = useState(start);
  const [refresh, setRefresh] = useState<string>(start.get('refresh') ?? (isInterval(board.refresh) ? board.refresh : ''));
  const [off, setOff] = useState(() => new Set((board.annotations?.list ?? []).filter((a) => !a.enable).map((a) => a.name)));
  const [tick, setTick] = useState(1);
  const [chosen, setChosen] = useState<Map<string, Chosen>>();
  const [marks, setMarks] = useState<annotations.Marks>({ marks: [], errors: [] });

  const range = useMemo(() => rangeUtil.convertRawToRange({ from: fromUrl(raw.from), to: fromUrl(raw.to) }, timeZone), [raw, timeZone, tick]);
  const choices = [...url].filter(([name]) => name.startsWith('var-')).map((pair) => pair.join('=')).join('&');

  // Variables follow the choices and the chosen time, not every refresh.
  useEffect(() => {
    let current = true;
    resolve(board, viewer, url, range).then((next) => current && setChosen(next));
    return () => void (current = false);
  }, [board, viewer, choices, raw]);

  const setRange = useCallback((next: TimeRange) => {
    const text = (v: any) => (typeof v === 'string' ? v : String(v.valueOf()));
    setRaw({ from: text(next.raw.from), to: text(next.raw.to) });
  }, []);
  const urlTime = `from=${encodeURIComponent(raw.from)}&to=${encodeURIComponent(raw.to)}`;
  const urlVariables = chosen ? urlOf(chosen) : '';
  const turn = useMemo(() => ({}), [chosen, range, tick]);
  const context = useMemo<Context | undefined>(() => chosen && {
    viewer, board, theme, timeZone, range, variables: values(chosen), urlVariables, urlTime, marks: marks.marks, turn, tick,
    onRange: (from, to) => setRaw({ from: String(Math.round(from)), to: String(Math.round(to)) }),
  }, [turn, marks.marks, theme]);
  const asked = useMemo(() => context, [turn]);

  useEffect(() => {
    if (!asked) return undefined;
    let current = true;
    annotations.run(asked, off).then((next) => {
      if (!current) return;
      report.annotations = { tick: asked.tick, marks: next.marks.length, errors: next.errors };
      setMarks(next);
    });
    return () => void (current = false);
  }, [asked, off]);

  useEffect(() => {
    if (!isInterval(refresh)) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && setTick((t) => t + 1), rangeUtil.intervalToMs(refresh));
    return () => clearInterval(timer);
  }, [refresh]);

  // The address can be passed on and is the same after a reload.
  const first = useRef(true);
  useEffect(() => {
    if (!chosen) return;
    const kept = [...start].filter(([name]) => ['theme', 'rows'].includes(name)).map(([k, v]) => `${k}=${encodeURIComponent(v)}`);
    history[first.current ? 'replaceState' : 'pushState'](null, '', `/d/${board.uid}?${[urlVariables, urlTime, refresh && `refresh=${refresh}`, ...kept].filter(Boolean).join('&')}`);
    first.current = false;
  }, [urlVariables, urlTime, refresh]);
  useEffect(() => {
    const back = () => location.reload();
    addEventListener('popstate', back);
    return () => removeEventListener('popstate', back);
  }, []);

  useEffect(() => {
    report.board = board.uid;
    report.tick = tick;
    report.ready = !!chosen;
    for (const [name, c] of chosen ?? []) report.variables[name] = { values: c.values, options: c.options.length, error: c.error };
  });

  if (!context || !chosen) return null;
  const setVariable = (name: string, next: string[]) => {
    const changed = new URLSearchParams(urlOf(chosen));
    changed.delete(`var-${name}`);
    for (const value of next) changed.append(`var-${name}`, value);
    setUrl(changed);
  };
  const toggleAnnotation = (name: string) => setOff((old) => {
    const next = new Set(old);
    if (!next.delete(name)) next.add(name);
    return next;
  });
  return (
    <main style={{ padding: `8px ${MARGIN}px` }}>
      <Toolbar context={context} chosen={chosen} off={off} refresh={refresh} annotationErrors={new Map(marks.errors.map((e) => [e.name, e.error]))}
        actions={{ setRange, setVariable, setRefresh, refresh: () => setTick((t) => t + 1), toggleAnnotation }} />
      <div style={{ height: 8 }} />
      <Grid context={context} width={width} openAll={start.get('rows') === 'open'} />
    </main>);
}
