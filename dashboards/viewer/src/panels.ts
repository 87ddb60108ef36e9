// The table of panels. A type that is not here shows an error in its place.
import type { ReactElement } from 'react';
import { Logs } from './panels/logs';
import type { Props } from './panels/props';
import { StateTimeline } from './panels/state-timeline';
import { TablePanel } from './panels/table';
import { Text } from './panels/text';
import { Series } from './panels/timeseries';
import { Bars, GaugePanel, Stat } from './panels/values';

export const PANELS: Record<string, (props: Props) => ReactElement> = {
  bargauge: Bars, gauge: GaugePanel, logs: Logs, stat: Stat, 'state-timeline': StateTimeline, table: TablePanel, text: Text, timeseries: Series,
};
