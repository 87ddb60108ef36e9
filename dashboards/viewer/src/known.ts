// Every option that a drawn panel may have, checked against Grafana's own types when the page is built.
import type { FieldConfig } from '@grafana/data';
import type { GraphFieldConfig, TableFieldOptions } from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Names<T> = { [K in keyof Required<T>]: 1 };
const single: Names<Pick<stat.Options, 'reduceOptions' | 'text' | 'orientation'>> = { reduceOptions: 1, text: 1, orientation: 1 };

const options: {
  timeseries: Names<timeseries.Options>; stat: Names<stat.Options>; gauge: Names<gauge.Options>; bargauge: Names<bargauge.Options>;
  table: Names<table.Options>; 'state-timeline': Names<timeline.Options>; logs: Partial<Names<logs.Options>>; text: Names<text.Options>;
} = {
  timeseries: { legend: 1, tooltip: 1, timezone: 1, annotations: 1, orientation: 1, timeCompare: 1, disableKeyboardEvents: 1 },
  stat: { ...single, colorMode: 1, graphMode: 1, justifyMode: 1, percentChangeColorMode: 1, showPercentChange: 1, textMode: 1, wideLayout: 1 },
  gauge: { ...single, barShape: 1, barWidthFactor: 1, effects: 1, endpointMarker: 1, minVizHeight: 1, minVizWidth: 1, neutral: 1, segmentCount: 1, segmentSpacing: 1, shape: 1, showThresholdLabels: 1, showThresholdMarkers: 1, sizing: 1, sparkline: 1, textMode: 1 },
  bargauge: { ...single, legend: 1, displayMode: 1, maxVizHeight: 1, minVizHeight: 1, minVizWidth: 1, namePlacement: 1, showUnfilled: 1, sizing: 1, valueMode: 1 },
  table: { cellHeight: 1, disableKeyboardEvents: 1, enablePagination: 1, frameIndex: 1, frozenColumns: 1, maxRowHeight: 1, showHeader: 1, showTypeIcons: 1, sortBy: 1 },
  'state-timeline': { legend: 1, tooltip: 1, timezone: 1, annotations: 1, alignValue: 1, mergeValues: 1, perPage: 1, rowHeight: 1, showValue: 1 },
  logs: { dedupStrategy: 1, detailsMode: 1, displayedFields: 1, enableInfiniteScrolling: 1, enableLogDetails: 1, fontSize: 1, prettifyLogMessage: 1, showCommonLabels: 1, showControls: 1, showFieldSelector: 1, showLabels: 1, showLogAttributes: 1, showLogContextToggle: 1, showTime: 1, sortOrder: 1, syntaxHighlighting: 1, timestampResolution: 1, unwrappedColumns: 1, wrapLogMessage: 1 },
  text: { code: 1, content: 1, mode: 1 },
};

const custom: { timeseries: Names<GraphFieldConfig>; table: Names<TableFieldOptions>; 'state-timeline': Names<timeline.FieldConfig> } = {
  timeseries: {
    drawStyle: 1, gradientMode: 1, thresholdsStyle: 1, transform: 1, lineColor: 1, lineWidth: 1, lineInterpolation: 1, lineStyle: 1, spanNulls: 1, fillBelowTo: 1,
    fillColor: 1, fillOpacity: 1, showPoints: 1, pointSize: 1, pointColor: 1, pointSymbol: 1, showValues: 1, axisPlacement: 1, axisColorMode: 1, axisLabel: 1, axisWidth: 1, axisSoftMin: 1,
    axisSoftMax: 1, axisGridShow: 1, axisCenteredZero: 1, axisBorderShow: 1, scaleDistribution: 1, barAlignment: 1, barWidthFactor: 1, barMaxWidth: 1, stacking: 1, hideFrom: 1, insertNulls: 1,
  },
  table: { align: 1, cellOptions: 1, displayMode: 1, filterable: 1, footer: 1, hideHeader: 1, inspect: 1, minWidth: 1, styleField: 1, tooltip: 1, width: 1, wrapHeaderText: 1, wrapText: 1, hideFrom: 1 },
  'state-timeline': {
    fillOpacity: 1, lineWidth: 1, hideFrom: 1, axisPlacement: 1, axisColorMode: 1, axisLabel: 1, axisWidth: 1, axisSoftMin: 1, axisSoftMax: 1, axisGridShow: 1, axisCenteredZero: 1,
    axisBorderShow: 1, scaleDistribution: 1,
  },
};

const standard: Names<FieldConfig> = {
  displayName: 1, displayNameFromDS: 1, description: 1, path: 1, writeable: 1, filterable: 1, unit: 1, decimals: 1, min: 1, max: 1, interval: 1, mappings: 1, thresholds: 1,
  color: 1, links: 1, actions: 1, noValue: 1, type: 1, custom: 1, fieldMinMax: 1, nullValueMode: 1,
};

/** The types of panels that have options here. */
export const isOption = (type: string, name: string) => name in ((options as Record<string, object>)[type] ?? {});
export const isCustom = (type: string, name: string) => name in ((custom as Record<string, object>)[type] ?? {});
export const isStandard = (name: string) => name in standard;
