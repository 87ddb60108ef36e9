// What is drawn, for tests: window.__viewer.

export interface PanelReport {
  key: string; id: number; title: string; type: string; state: 'waiting' | 'drawn'; error?: string;
  /** What Grafana takes in silence and a test should not: unknown options, overrides that match nothing. */
  problems: string[];
  /** The text that stands for missing data. */
  empty?: string;
  frames: number; values: number; tick: number;
}
export interface Report { board?: string; tick: number; ready: boolean; panels: Record<string, PanelReport>; variables: Record<string, { values: string[]; options: number; error?: string }>; annotations: { tick: number; marks: number; errors: Array<{ name: string; error: string }> }; fatal?: string }

export const report: Report = { tick: 0, ready: false, panels: {}, variables: {}, annotations: { tick: 0, marks: 0, errors: [] } };
(window as any).__viewer = report;
