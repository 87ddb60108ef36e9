// Above a board: what this is, which board, its variables, time, refresh, annotations and links.
import { type TimeRange, dateTime, rangeUtil } from '@grafana/data';
import { InlineSwitch, Input, LinkButton, MultiSelect, RefreshPicker, Select, TimeRangePicker, ToolbarButtonRow } from '@grafana/ui';
import type { Annotation } from './board';
import { drawn } from './annotations';
import type { Context } from './context';
import { links } from './links';
import { ALL, type Chosen } from './variables';

export interface Actions {
  setRange: (range: TimeRange) => void; setVariable: (name: string, values: string[]) => void; setRefresh: (refresh: string) => void; refresh: () => void;
  toggleAnnotation: (name: string) => void;
}

function Choice({ chosen, actions, context }: { chosen: Chosen; actions: Actions; context: Context }) {
  const { variable, options, values, error } = chosen;
  const all = variable.includeAll ? [{ label: 'All', value: ALL }] : [];
  const items = [...all, ...options.map((o) => ({ label: o.text, value: o.value }))];
  for (const value of values) if (!items.some((i) => i.value === value)) items.push({ label: value, value });
  const set = (next: string[]) => actions.setVariable(variable.name, next);
  const style = { display: 'flex', alignItems: 'center', background: context.theme.colors.background.primary, borderRadius: 2 };
  const label = variable.label || variable.name;
  return (
    <div style={style} data-variable={variable.name} title={error ?? variable.description}>
      {variable.hide !== 1 && <label style={{ padding: '0 8px', margin: 0, ...context.theme.typography.bodySmall, color: error ? context.theme.colors.error.text : undefined }}>{label}</label>}
      {variable.type === 'textbox' ? <Input defaultValue={values[0]} width={20} onBlur={(e) => set([e.currentTarget.value])} />
        : variable.multi ? <MultiSelect aria-label={label} width="auto" invalid={!!error} options={items} value={values} isClearable={false} onChange={(v) => {
            const next = v.map((o) => o.value!);
            // All, or some: the one that was chosen last.
            set(next.at(-1) === ALL ? [ALL] : next.filter((o) => o !== ALL).length ? next.filter((o) => o !== ALL) : values);
          }} />
        : <Select aria-label={label} width="auto" invalid={!!error} options={items} value={values[0]} onChange={(o) => set([o.value!])} />}
    </div>);
}

function shifted(range: TimeRange, by: number, factor = 1): TimeRange {
  const span = range.to.valueOf() - range.from.valueOf();
  const middle = (range.from.valueOf() + range.to.valueOf()) / 2 + span * by;
  const [from, to] = [dateTime(middle - (span * factor) / 2), dateTime(middle + (span * factor) / 2)];
  return { from, to, raw: { from, to } };
}

export function Toolbar({ context, chosen, off, refresh, actions, annotationErrors }: { context: Context; chosen: Map<string, Chosen>; off: Set<string>; refresh: string; actions: Actions; annotationErrors: Map<string, string> }) {
  const { board, viewer, theme, timeZone, range } = context;
  const visible = [...chosen.values()].filter((c) => (c.variable.hide ?? 0) < 2 && c.variable.type !== 'constant');
  const annotations = drawn(board.annotations?.list).filter((a: Annotation) => !a.hide);
  const found = links(context, board.links);
  const boards = viewer.boards.map((b) => ({ label: b.title, value: b.uid }));
  return (
    <header>
      <div style={{ display: 'flex', gap: 8, alignItems: 'center', flexWrap: 'wrap' }}>
        <Select aria-label="Board" width="auto" options={boards} value={board.uid} onChange={(o) => location.assign(`/d/${o.value}?${context.urlTime}`)} />
        <span data-not-grafana style={{ ...theme.typography.bodySmall, color: theme.colors.warning.text }}>
          This is not Grafana: Swarmscope’s viewer draws the boards with parts of Grafana. Nothing can be edited here.
        </span>
        <span style={{ flexGrow: 1 }} />
        <ToolbarButtonRow alignment="right">
          <TimeRangePicker value={range} timeZone={timeZone} onChange={actions.setRange} onChangeTimeZone={() => undefined} onZoom={() => actions.setRange(shifted(range, 0, 2))}
            onMoveBackward={() => actions.setRange(shifted(range, -0.5))} onMoveForward={() => actions.setRange(shifted(range, 0.5))} />
          <RefreshPicker value={refresh} intervals={board.timepicker?.refresh_intervals} onRefresh={actions.refresh} onIntervalChanged={actions.setRefresh} />
        </ToolbarButtonRow>
      </div>
      {(visible.length > 0 || annotations.length > 0 || found.length > 0 || viewer.broken.length > 0) && (
        <div style={{ display: 'flex', gap: 8, alignItems: 'center', flexWrap: 'wrap', marginTop: 8 }}>
          {visible.map((c) => <Choice key={c.variable.name} chosen={c} actions={actions} context={context} />)}
          {annotations.map((a) => <InlineSwitch key={a.name} label={a.name} showLabel invalid={annotationErrors.has(a.name)} value={!off.has(a.name)} onChange={() => actions.toggleAnnotation(a.name)} />)}
          <span style={{ flexGrow: 1 }} />
          {found.map((l) => <LinkButton key={l.title + l.href} size="sm" variant="secondary" fill="outline" href={l.href} target={l.blank ? '_blank' : undefined} tooltip={l.tooltip || undefined}>{l.title}</LinkButton>)}
          {[...annotationErrors].map(([name, error]) => <span key={name} role="alert" style={{ color: theme.colors.error.text, ...theme.typography.bodySmall }}>annotation {name}: {error}</span>)}
          {viewer.broken.map(({ file, error }) => <span key={file} role="alert" style={{ color: theme.colors.error.text, ...theme.typography.bodySmall }}>{file} is no board: {error}</span>)}
        </div>)}
    </header>);
}

export const isInterval = (text: unknown): text is string => typeof text === 'string' && /^\d+(ms|[smhd])$/.test(text) && rangeUtil.intervalToMs(text) > 0;
