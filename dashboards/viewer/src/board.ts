// The parts of a board's JSON that are drawn, and where its panels lie.

export interface DataSourceRef { type?: string; uid?: string }
export interface Target {
  refId: string; expr?: string; legendFormat?: string; instant?: boolean; range?: boolean; hide?: boolean;
  interval?: string; intervalFactor?: number; format?: string; datasource?: DataSourceRef | string | null;
  query?: string; timeField?: string; metrics?: Array<{ type: string; settings?: { limit?: string; size?: string } }>;
}
export interface Link {
  title?: string; url?: string; type?: 'link' | 'dashboards'; tags?: string[]; includeVars?: boolean; keepTime?: boolean;
  targetBlank?: boolean; tooltip?: string; icon?: string; asDropdown?: boolean;
}
export interface Override { matcher: { id: string; options?: unknown }; properties: Array<{ id: string; value?: unknown }> }
export interface FieldConfigJson { defaults?: Record<string, any>; overrides?: Override[] }
export interface GridPos { x: number; y: number; w: number; h: number }
export interface PanelJson {
  id: number; type: string; title?: string; description?: string; gridPos: GridPos; transparent?: boolean;
  datasource?: DataSourceRef | string | null; targets?: Target[]; options?: Record<string, any>; fieldConfig?: FieldConfigJson;
  transformations?: Array<{ id: string; options?: any; disabled?: boolean }>; links?: Link[];
  interval?: string; maxDataPoints?: number; timeFrom?: string; timeShift?: string; hideTimeOverride?: boolean;
  repeat?: string; repeatDirection?: 'h' | 'v'; maxPerRow?: number; collapsed?: boolean; panels?: PanelJson[];
}
export interface Variable {
  name: string; label?: string; type: string; hide?: number; query?: any; regex?: string; sort?: number; refresh?: number;
  multi?: boolean; includeAll?: boolean; allValue?: string; skipUrlSync?: boolean; description?: string;
  datasource?: DataSourceRef | string | null; current?: { text?: any; value?: any }; options?: Array<{ text: any; value: any }>;
  auto?: boolean; auto_min?: string; auto_count?: number;
}
export interface Annotation {
  name: string; enable: boolean; hide?: boolean; iconColor?: string; builtIn?: number; datasource?: DataSourceRef | string | null;
  expr?: string; step?: string; titleFormat?: string; textFormat?: string; tagKeys?: string; useValueForTime?: boolean | string;
  query?: string; timeField?: string; textField?: string; tagsField?: string; target?: { query?: string; expr?: string };
  filter?: { exclude?: boolean; ids: number[] };
}
export interface Board {
  uid: string; title: string; description?: string; timezone?: string; refresh?: string | boolean; graphTooltip?: number; tags?: string[];
  time?: { from: string; to: string }; timepicker?: { refresh_intervals?: string[] }; links?: Link[]; panels?: PanelJson[];
  templating?: { list?: Variable[] }; annotations?: { list?: Annotation[] };
}

/** A panel in its place; `repeated` says for which value of which variable. */
export interface Placed { panel: PanelJson; key: string; pos: GridPos; repeated: Record<string, string> }
/** A row with its panels, whose places count from the row. The first one of a board has no row. */
export interface Section { row?: PanelJson; key: string; repeated: Record<string, string>; collapsed: boolean; panels: Placed[]; height: number }

const COLUMNS = 24;

/** Cuts a board at its rows and multiplies what is repeated; `valuesOf` gives the chosen values of a variable. */
export function sections(board: Board, valuesOf: (name: string) => string[]): Section[] {
  const cut: Array<{ row?: PanelJson; panels: PanelJson[] }> = [{ panels: [] }];
  const all = [...(board.panels ?? [])].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  for (const panel of all) {
    if (panel.type === 'row') cut.push({ row: panel, panels: panel.panels ?? [] });
    else cut[cut.length - 1].panels.push(panel);
  }
  return cut.filter(({ row, panels }) => row || panels.length).flatMap(({ row, panels }) => {
    const copies = row?.repeat ? valuesOf(row.repeat).map((value) => ({ [row.repeat!]: value })) : [{}];
    const top = Math.min(...panels.map((panel) => panel.gridPos.y));
    return copies.map((repeated: Record<string, string>, copy) => {
      const placed = place(panels.map((panel) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y - top } })), valuesOf, repeated, copy);
      const height = Math.max(0, ...placed.map(({ pos }) => pos.y + pos.h));
      return { row, key: `row-${row?.id ?? 0}-${copy}`, repeated, collapsed: !!row?.collapsed, panels: placed, height };
    });
  });
}

function place(panels: PanelJson[], valuesOf: (name: string) => string[], outer: Record<string, string>, copy: number): Placed[] {
  const placed: Placed[] = [];
  let shift = 0; // how far copies have pushed down what lies below them
  for (const panel of panels) {
    const pos = { ...panel.gridPos, y: panel.gridPos.y + shift };
    const values = panel.repeat ? (panel.repeat in outer ? [outer[panel.repeat]] : valuesOf(panel.repeat)) : [];
    if (!panel.repeat || values.length === 0) {
      placed.push({ panel, key: `${panel.id}-${copy}`, pos, repeated: outer });
      continue;
    }
    const down = panel.repeatDirection === 'v';
    const perRow = down ? 1 : Math.min(values.length, panel.maxPerRow ?? 4);
    const w = down ? pos.w : Math.floor(COLUMNS / perRow);
    values.forEach((value, i) => placed.push({
      panel, key: `${panel.id}-${copy}-${value}`, repeated: { ...outer, [panel.repeat!]: value },
      pos: { x: down ? pos.x : (i % perRow) * w, y: pos.y + Math.floor(i / perRow) * pos.h, w, h: pos.h },
    }));
    shift += (Math.ceil(values.length / perRow) - 1) * pos.h;
  }
  return placed;
}
