// state-timeline: neither Grafana's packages nor their graveyard have it, so it is drawn here on Grafana's UPlotChart.
import { type Field, FieldType, dateTimeFormat, getFieldDisplayName } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend, measureText } from '@grafana/ui';
import { useMemo } from 'react';
import { isOn } from '../annotations';
import { Marks } from './marks';
import type { Props } from './props';

interface Box { from: number; to: number; text: string; color: string }
interface Row { name: string; field: Field; boxes: Box[] }
const FONT = 12;
/** The share of the width that names may have; Grafana's axis cuts off the beginning of what is longer. */
const NAMES = 0.39;

function shortened(name: string, width: number): string {
  if (measureText(name, FONT).width <= width) return name;
  let end = name.length - 1;
  while (end > 1 && measureText(`${name.slice(0, end)}…`, FONT).width > width) end -= 1;
  return `${name.slice(0, end)}…`;
}

function boxesOf(field: Field, times: number[], end: number, merge: boolean, fallback: string): Box[] {
  const boxes: Box[] = [];
  // The last value stands for one step, and no longer.
  const step = times.length > 1 ? times[times.length - 1] - times[times.length - 2] : 0;
  times.forEach((time, i) => {
    const value = field.values[i];
    if (value === null || value === undefined) return;
    const shown = field.display!(value);
    const text = `${shown.prefix ?? ''}${shown.text}${shown.suffix ?? ''}`;
    const color = shown.color ?? fallback;
    const to = i + 1 < times.length ? times[i + 1] : Math.min(end, time + step);
    const last = boxes.at(-1);
    if (merge && last && last.to === time && last.text === text && last.color === color) last.to = to;
    else boxes.push({ from: time, to, text, color });
  });
  return boxes;
}

export function StateTimeline({ panel, data, context, width, height }: Props) {
  const { theme, timeZone } = context;
  const options: Record<string, any> = { showValue: 'auto', rowHeight: 0.9, mergeValues: true, alignValue: 'left', ...panel.options };
  const marks = useMemo(() => context.marks.filter((m) => isOn(m, panel.id)), [context.marks, panel.id]);
  const { config, plotted, items } = useMemo(() => {
    const end = data.range.to.valueOf();
    const rows: Row[] = data.series.flatMap((frame) => {
      const times: number[] = frame.fields.find((f) => f.type === FieldType.time)?.values ?? [];
      return frame.fields.filter((f) => f.type !== FieldType.time && !f.config.custom?.hideFrom?.viz).map((field) => (
        { name: getFieldDisplayName(field, frame, data.series), field, boxes: boxesOf(field, times, end, options.mergeValues, theme.visualization.getColorByName('gray')) }));
    });
    const config = new UPlotConfigBuilder(timeZone as any);
    config.addScale({ scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right, range: () => [data.range.from.valueOf(), end] });
    config.addScale({ scaleKey: 'y', isTime: false, orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, range: () => [0, 1] });
    config.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, theme, timeZone: timeZone as any, grid: { show: false } });
    config.addAxis({ scaleKey: 'y', isTime: false, placement: AxisPlacement.Left, theme, grid: { show: false }, ticks: { show: false },
      splits: () => rows.map((_, i) => 1 - (i + 0.5) / rows.length), values: (u) => rows.map((r) => shortened(r.name, u.width * NAMES)) });
    config.addSeries({ scaleKey: 'y', pathBuilder: () => null, theme, show: true } as any);
    config.addHook('draw', (u) => drawRows(u, rows, options, theme));
    config.addHook('ready', (u) => {
      u.over.addEventListener('mousemove', (event) => {
        const row = rows[Math.floor((event.offsetY / u.over.clientHeight) * rows.length)];
        const time = u.posToVal(event.offsetX, 'x');
        const box = row?.boxes.find((b) => b.from <= time && time < b.to);
        const at = (t: number) => dateTimeFormat(t, { timeZone });
        u.over.title = box ? `${row.name}: ${box.text}\n${at(box.from)} – ${at(box.to)}` : '';
      });
    });
    const seen = new Map(rows.flatMap((r) => r.boxes.map((b) => [b.text, { label: b.text, color: b.color, yAxis: 1 }])));
    const ends = [data.range.from.valueOf(), end];
    return { config, plotted: [ends, [null, null]] as any, items: [...seen.values()] };
  }, [data, width, height, theme]);
  const legend = options.legend?.showLegend === false ? null : (
    <VizLayout.Legend placement={options.legend?.placement ?? 'bottom'}><VizLegend placement={options.legend?.placement ?? 'bottom'} displayMode={options.legend?.displayMode ?? 'list'} items={items} readonly /></VizLayout.Legend>);
  return <VizLayout width={width} height={height} legend={legend as any}>{(w, h) => <UPlotChart config={config} data={plotted} width={w} height={h}><Marks config={config} marks={marks} context={context} /></UPlotChart>}</VizLayout>;
}

function drawRows(u: uPlot, rows: Row[], options: any, theme: Props['context']['theme']) {
  const { ctx, bbox } = u;
  const each = bbox.height / rows.length;
  const tall = Math.min(each * options.rowHeight, each - 1);
  ctx.save();
  ctx.font = `${FONT * devicePixelRatio}px ${theme.typography.fontFamily}`;
  ctx.textBaseline = 'middle';
  rows.forEach(({ field, boxes }, i) => {
    const y = bbox.top + i * each + (each - tall) / 2;
    for (const box of boxes) {
      const x0 = Math.max(bbox.left, u.valToPos(box.from, 'x', true));
      const x1 = Math.min(bbox.left + bbox.width, u.valToPos(box.to, 'x', true));
      if (x1 <= x0) continue;
      ctx.globalAlpha = (field.config.custom?.fillOpacity ?? 70) / 100;
      ctx.fillStyle = box.color;
      ctx.fillRect(x0, y, x1 - x0, tall);
      ctx.globalAlpha = 1;
      const line = (field.config.custom?.lineWidth ?? 0) * devicePixelRatio;
      if (line) {
        ctx.strokeStyle = box.color;
        ctx.lineWidth = line;
        ctx.strokeRect(x0 + line / 2, y + line / 2, Math.max(0, x1 - x0 - line), tall - line);
      }
      const room = x1 - x0 - 8 * devicePixelRatio;
      const tooSmall = ctx.measureText(box.text).width > room || FONT * devicePixelRatio > tall;
      if (options.showValue === 'never' || (options.showValue === 'auto' && tooSmall)) continue;
      ctx.fillStyle = theme.colors.getContrastText(box.color, theme.colors.contrastThreshold);
      ctx.textAlign = options.alignValue;
      const inset = 4 * devicePixelRatio;
      ctx.fillText(box.text, options.alignValue === 'center' ? (x0 + x1) / 2 : options.alignValue === 'right' ? x1 - inset : x0 + inset, y + tall / 2);
    }
  });
  ctx.restore();
}
