// What a board may be, made of the types that Grafana publishes. Three things are written by hand: what Prometheus adds to
// a query, what Prometheus and Elasticsearch add to an annotation, and that options may leave out what Grafana fills in.
import type {
  AnnotationQuery, Dashboard, FieldConfig, FieldConfigSource, Panel, RowPanel,
} from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as elasticsearch from '@grafana/schema/dist/esm/raw/composable/elasticsearch/dataquery/x/ElasticsearchDataQuery_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

interface Source { type?: string; uid?: string }

/** The query model of the Prometheus data source, which is not among the published types of this version. */
interface PrometheusQuery {
  refId: string; expr: string; datasource: Source; legendFormat?: string; hide?: boolean; instant?: boolean;
  range?: boolean; exemplar?: boolean; interval?: string; intervalFactor?: number;
  format?: 'time_series' | 'table' | 'heatmap'; editorMode?: 'code' | 'builder';
}

interface LogsQuery {
  refId: string; datasource: Source; query: string; alias?: string; timeField: string;
  metrics: elasticsearch.Logs[]; bucketAggs: [];
}

type Loose<T> = T extends Array<infer U> ? Array<Loose<U>>
  : T extends object ? { [K in keyof T]?: Loose<T[K]> } : T;

interface Fields<Custom> extends Omit<FieldConfigSource, 'defaults'> {
  defaults: Omit<FieldConfig, 'custom'> & { custom?: Loose<Custom> };
}

type Nothing = Record<string, never>;

type Drawn<Type extends string, Options, Custom = Nothing, Query = PrometheusQuery> =
  Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> &
  { type: Type; options?: Loose<Options>; targets?: Query[]; fieldConfig?: Fields<Custom> };

export interface Panels {
  bargauge: Drawn<'bargauge', bargauge.Options>;
  gauge: Drawn<'gauge', gauge.Options>;
  logs: Drawn<'logs', logs.Options, Nothing, LogsQuery>;
  row: Omit<RowPanel, 'panels'> & { panels: unknown[] };
  stat: Drawn<'stat', stat.Options>;
  'state-timeline': Drawn<'state-timeline', timeline.Options, timeline.FieldConfig>;
  table: Drawn<'table', table.Options, table.FieldConfig>;
  text: Drawn<'text', text.Options>;
  timeseries: Drawn<'timeseries', timeseries.Options, timeseries.FieldConfig>;
}

interface PrometheusAnnotation extends Omit<AnnotationQuery, 'target' | 'type'> {
  expr: string; step?: string; titleFormat?: string; textFormat?: string; tagKeys?: string; useValueForTime?: boolean;
}

interface LogsAnnotation extends Omit<AnnotationQuery, 'target' | 'type'> {
  target: { refId: string; query: string };
  timeField: string; timeEndField?: string; textField: string; tagsField?: string;
}

export type Board = Omit<Dashboard, 'annotations' | 'panels'> & {
  annotations?: { list: Array<PrometheusAnnotation | LogsAnnotation | AnnotationQuery> };
  panels: unknown[];
};
