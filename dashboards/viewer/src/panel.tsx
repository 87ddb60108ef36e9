// One panel: its frame, its data, its drawing. What goes wrong stays in it.
import { LoadingState } from '@grafana/data';
import { IconButton, PanelChrome } from '@grafana/ui';
import { Component, type ReactNode, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { PanelJson } from './board';
import { type Context, replacer, scoped } from './context';
import { type PanelData, load } from './data';
import { links } from './links';
import { PANELS } from './panels';
import { type PanelReport, report } from './report';

/** What an error of React's drawing becomes: a text in the panel. */
class Boundary extends Component<{ onError: (message: string) => void; again: unknown; children: ReactNode }, { failed: boolean }> {
  state = { failed: false };
  static getDerivedStateFromError = () => ({ failed: true });
  componentDidCatch(error: Error) {
    this.props.onError(error.message);
  }
  componentDidUpdate(before: { again: unknown }) {
    if (before.again !== this.props.again && this.state.failed) this.setState({ failed: false });
  }
  render() {
    return this.state.failed ? null : this.props.children;
  }
}

interface State { data?: PanelData; error?: string; loading: boolean; tick: number }

export function Panel({ id, panel, repeated, outer, width, height }: { id: string; panel: PanelJson; repeated: Record<string, string>; outer: Context; width: number; height: number }) {
  const context = useMemo(() => scoped(outer, repeated), [outer, JSON.stringify(repeated)]);
  const [state, setState] = useState<State>({ loading: true, tick: 0 });
  const [failed, setFailed] = useState<string>();
  const View = PANELS[panel.type];
  const turn = useRef(0);

  useEffect(() => {
    const mine = ++turn.current;
    const done = (next: Partial<State>) => {
      if (mine !== turn.current) return;
      setFailed(undefined);
      setState((old) => ({ data: undefined, error: undefined, ...(next.error === undefined ? {} : { data: old.data }), ...next, loading: false, tick: context.tick }));
    };
    setState((old) => ({ ...old, loading: true }));
    if (!View) done({ error: `panel type ${panel.type} is not drawn by this viewer: ${Object.keys(PANELS).join(', ')} are` });
    else load(context, panel, width).then((data) => done({ data }), (e: Error) => done({ error: e.message }));
    // The width matters for the number of points only, and is the same until the window changes.
  }, [context.turn, JSON.stringify(repeated), panel, Math.round(width / 50)]);

  useEffect(() => () => void delete report.panels[id], [id]);

  const title = replacer(context)(panel.title);
  const error = state.error ?? failed;
  const empty = !error && state.data && !state.data.values ? (panel.fieldConfig?.defaults?.noValue ?? 'No data') : undefined;
  useLayoutEffect(() => {
    const entry: PanelReport = {
      key: id, id: panel.id, title, type: panel.type, state: state.loading ? 'waiting' : 'drawn', error, empty, problems: state.data?.problems ?? [], frames: state.data?.series.length ?? 0,
      values: state.data?.values ?? 0, tick: state.tick,
    };
    report.panels[id] = entry;
  });

  const { theme } = context;
  const found = links(context, panel.links);
  const icons = found.map((l) => <IconButton key={l.title} name="external-link-alt" size="sm" tooltip={l.title} aria-label={l.title} onClick={() => (l.blank ? window.open(l.href, '_blank', 'noopener') : location.assign(l.href))} />);
  const body = (w: number, h: number) => {
    if (error) return <div role="alert" style={{ color: theme.colors.error.text, padding: 8, height: h, overflow: 'auto', overflowWrap: 'anywhere' }}>{error}</div>;
    if (!state.data) return null;
    if (empty !== undefined) return <div style={{ color: theme.colors.text.secondary, height: h, display: 'flex', alignItems: 'center', justifyContent: 'center', textAlign: 'center' }}>{empty}</div>;
    return <Boundary onError={setFailed} again={state.data}><View panel={panel} data={state.data} context={context} width={w} height={h} /></Boundary>;
  };
  return (
    <PanelChrome title={title} width={width} height={height} description={panel.description && replacer(context)(panel.description)} titleItems={icons} statusMessage={error}
      loadingState={state.loading ? LoadingState.Loading : LoadingState.Done} padding={panel.type === 'table' ? 'none' : 'md'} displayMode={panel.transparent ? 'transparent' : 'default'}>
      {(w, h) => <>{body(w, h)}</>}
    </PanelChrome>);
}
