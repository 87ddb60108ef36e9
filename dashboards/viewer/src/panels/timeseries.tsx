// timeseries: Grafana's TimeSeries, with annotation marks drawn by us.
import { type DataFrame, DashboardCursorSync, FieldType, type LinkModel, dateTimeFormat, getFieldDisplayName, getFieldSeriesColor, EventBusSrv } from '@grafana/data';
import { PanelContextProvider, SeriesTable, TimeSeries, TooltipPlugin2 } from '@grafana/ui';
import { useMemo, useRef, useState } from 'react';
import { isOn } from '../annotations';
import { Marks } from './marks';
import type { Props } from './props';

const bus = new EventBusSrv();
const HOVER_ONE = 0;
const HOVER_ALL = 1;

/** Only the series that were chosen in the legend. */
function shown(series: DataFrame[], chosen: Set<string>): DataFrame[] {
  if (!chosen.size) return series;
  return series.map((frame) => ({ ...frame, fields: frame.fields.map((field) => {
    if (field.type === FieldType.time || chosen.has(getFieldDisplayName(field, frame, series))) return field;
    return { ...field, config: { ...field.config, custom: { ...field.config.custom, hideFrom: { viz: true, tooltip: true, legend: false } } } };
  }) }));
}

export function Series({ panel, data, context, width, height }: Props) {
  const [chosen, choose] = useState(new Set<string>());
  const revision = useRef(0);
  const frames = useMemo(() => {
    revision.current += 1;
    return shown(data.series, chosen);
  }, [data, chosen]);
  const sync = context.board.graphTooltip ?? 0;
  const panelContext = useMemo(() => ({
    eventsScope: 'board', eventBus: bus, sync: () => sync as DashboardCursorSync,
    onToggleSeriesVisibility: (label: string, mode: string) => choose((old) => {
      if (mode !== 'append') return old.size === 1 && old.has(label) ? new Set() : new Set([label]);
      const next = new Set(old);
      if (!next.delete(label)) next.add(label);
      return next;
    }),
  }), [sync]);
  const options = panel.options ?? {};
  const legend = { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [], ...options.legend };
  const marks = useMemo(() => context.marks.filter((m) => isOn(m, panel.id)), [context.marks, panel.id]);
  const mode = options.tooltip?.mode ?? 'single';
  return (
    <PanelContextProvider value={panelContext}>
      <TimeSeries frames={frames} structureRev={revision.current} timeRange={data.range} timeZone={context.timeZone} width={width} height={height} legend={legend} options={options}>
        {(config, aligned) => <>
          <Marks config={config} marks={marks} context={context} />
          {mode === 'none' ? <></> : <TooltipPlugin2 config={config} hoverMode={(mode === 'multi' ? HOVER_ALL : HOVER_ONE) as any} syncMode={sync as any} syncScope="board" queryZoom={({ from, to }) => context.onRange(from, to)}
            getDataLinks={(series, at) => aligned.fields[series]?.getLinks?.({ valueRowIndex: at }) ?? []}
            render={(u, indices, active, pinned, _dismiss, _range, _sync, links) => <Values links={pinned ? links : []} aligned={aligned} time={u.data[0][indices[0] ?? 0]} indices={indices} active={active} sort={options.tooltip?.sort} single={mode === 'single'} {...{ context }} />} />}
        </>}
      </TimeSeries>
    </PanelContextProvider>
  );
}

/** The values at a time; a click pins them and shows where they lead. */
function Values({ aligned, time, indices, active, sort, single, links, context }: { links: LinkModel[]; aligned: DataFrame; time: number; indices: Array<number | null>; active: number | null; sort?: string; single: boolean; context: Props['context'] }) {
  const rows = aligned.fields.flatMap((field, i) => {
    const at = indices[i];
    if (i === 0 || at == null || (single && active !== null && i !== active) || field.config.custom?.hideFrom?.tooltip) return [];
    const raw = field.values[at];
    if (raw == null) return [];
    const shown = field.display!(raw);
    return [{ raw: Number(raw), color: getFieldSeriesColor(field, context.theme).color, label: getFieldDisplayName(field, aligned), value: `${shown.prefix ?? ''}${shown.text}${shown.suffix ?? ''}`, isActive: i === active && !single }];
  });
  if (sort === 'asc' || sort === 'desc') rows.sort((a, b) => (sort === 'asc' ? a.raw - b.raw : b.raw - a.raw));
  return <div style={{ padding: 8 }}><SeriesTable timestamp={dateTimeFormat(time, { timeZone: context.timeZone })} series={rows} />
    {links.map((link) => <a key={link.href} href={link.href} target={link.target} style={{ display: 'block', color: context.theme.colors.text.link }}>{link.title}</a>)}
  </div>;
}
