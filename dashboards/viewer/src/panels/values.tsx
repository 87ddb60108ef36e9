// stat, gauge and bargauge: one of Grafana's components for each value.
import { type FieldDisplay, VizOrientation, getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, BigValueTextMode, DataLinksContextMenu, Gauge, VizRepeater } from '@grafana/ui';
import { type ReactElement, useMemo } from 'react';
import { replacer } from '../context';
import type { Props } from './props';

interface Item { value: FieldDisplay; width: number; height: number; all: FieldDisplay[]; orientation: VizOrientation; click?: any; className?: string }
interface Spacing { autoGrid?: boolean; itemSpacing?: number; minVizWidth?: number; minVizHeight?: number; maxVizHeight?: number }

function Repeated({ panel, data, context, width, height, draw, sparkline = false, spacing = {} }: Props & { draw: (item: Item) => ReactElement; sparkline?: boolean; spacing?: Spacing }) {
  const options = panel.options ?? {};
  const all = useMemo(() => getFieldDisplayValues({
    data: data.series, fieldConfig: data.fieldConfig, replaceVariables: replacer(context) as any, theme: context.theme, timeZone: context.timeZone, sparkline,
    percentChange: !!options.showPercentChange, reduceOptions: { calcs: ['lastNotNull'], ...options.reduceOptions },
  }), [data, context.theme]);
  return <VizRepeater source={data} getValues={() => all} width={width} height={height} renderCounter={context.tick} minVizWidth={8} minVizHeight={8} itemSpacing={3} {...spacing}
    orientation={options.orientation ?? VizOrientation.Auto} renderValue={({ value, width, height, orientation }) => {
      const item = { value, width, height, all, orientation };
      if (!value.hasLinks || !value.getLinks) return draw(item);
      return <DataLinksContextMenu links={value.getLinks} style={{ flexGrow: 1 }}>{({ openMenu, targetClassName }) => draw({ ...item, click: openMenu, className: targetClassName })}</DataLinksContextMenu>;
    }} />;
}

export function Stat(props: Props) {
  const o = props.panel.options ?? {};
  return <Repeated {...props} spacing={{ autoGrid: true }} sparkline={(o.graphMode ?? 'area') !== 'none'} draw={({ value, width, height, all, click, className }) => {
    // Names are shown where there are several values.
    const textMode = (o.textMode ?? 'auto') === 'auto' && all.length > 1 ? BigValueTextMode.ValueAndName : o.textMode;
    return <BigValue value={value.display} sparkline={value.sparkline} width={width} height={height} theme={props.context.theme} count={all.length} colorMode={o.colorMode ?? 'value'}
      graphMode={o.graphMode ?? 'area'} justifyMode={o.justifyMode ?? 'auto'} textMode={textMode} text={o.text} percentChangeColorMode={o.percentChangeColorMode}
      alignmentFactors={getDisplayValueAlignmentFactors(all)} onClick={click} className={className} />;
  }} />;
}

export function GaugePanel(props: Props) {
  const o = props.panel.options ?? {};
  return <Repeated {...props} spacing={{ autoGrid: true, itemSpacing: 16 }} draw={({ value, width, height, all, orientation, click, className }) => (
    <Gauge value={all.length > 1 ? value.display : { ...value.display, title: undefined }} field={value.field} width={width} height={height} theme={props.context.theme} orientation={orientation}
      text={o.text} showThresholdLabels={!!o.showThresholdLabels} showThresholdMarkers={o.showThresholdMarkers ?? true} onClick={click} className={className} />)} />;
}

export function Bars(props: Props) {
  const o = props.panel.options ?? {};
  const auto = (o.sizing ?? 'auto') === 'auto';
  return <Repeated {...props} spacing={{ itemSpacing: o.displayMode === 'lcd' ? 2 : 10, minVizWidth: auto ? 8 : o.minVizWidth, minVizHeight: auto ? 8 : o.minVizHeight, maxVizHeight: auto ? 300 : o.maxVizHeight }}
    draw={({ value, width, height, all, orientation, click, className }) => (
      <BarGauge value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex!)} width={width} height={height} theme={props.context.theme}
        orientation={orientation} displayMode={o.displayMode ?? 'gradient'} showUnfilled={o.showUnfilled ?? true} valueDisplayMode={o.valueMode} namePlacement={o.namePlacement} text={o.text}
        alignmentFactors={getDisplayValueAlignmentFactors(all)} itemSpacing={10} lcdCellWidth={12} isOverflow={false} onClick={click} className={className} />)} />;
}
