// Grafana's grid: 24 columns, rows of 30 pixels, gaps of 8.
import { Icon } from '@grafana/ui';
import { useMemo, useState } from 'react';
import { sections } from './board';
import { type Context, replacer, scoped } from './context';
import { Panel } from './panel';

const GAP = 8;
const ROW = 30;

export function Grid({ context, width, openAll }: { context: Context; width: number; openAll: boolean }) {
  const { board, variables, theme } = context;
  const [toggled, setToggled] = useState<Record<string, boolean>>({});
  const cut = useMemo(() => sections(board, (name) => [variables.get(name)?.value ?? []].flat().filter((v) => v !== '')), [board, variables]);
  const column = (width - GAP * 23) / 24;
  let top = 0;
  const items = cut.flatMap((section) => {
    const here = top;
    const closed = section.row ? (toggled[section.key] ?? (section.collapsed && !openAll)) : false;
    const head = section.row ? 1 : 0;
    top += (head + (closed ? 0 : section.height)) * (ROW + GAP);
    const row = section.row && (
      <div key={section.key} data-row={section.row.id} role="button" aria-expanded={!closed} onClick={() => setToggled({ ...toggled, [section.key]: !closed })}
        style={{ position: 'absolute', left: 0, top: here, width, height: ROW, cursor: 'pointer', ...theme.typography.h6, display: 'flex', alignItems: 'center', gap: 8 }}>
        <Icon name={closed ? 'angle-right' : 'angle-down'} /> {replacer(scoped(context, section.repeated))(section.row.title)}
        {closed && <span style={{ color: theme.colors.text.secondary, fontWeight: 400 }}>({section.panels.length} panels)</span>}
      </div>);
    const panels = closed ? [] : section.panels.map(({ panel, key, pos, repeated }) => {
      const w = pos.w * (column + GAP) - GAP;
      const h = pos.h * (ROW + GAP) - GAP;
      return (
        <div key={key} data-panel={panel.id} style={{ position: 'absolute', left: pos.x * (column + GAP), top: here + (head + pos.y) * (ROW + GAP), width: w, height: h }}>
          <Panel id={`${section.key}/${key}`} panel={panel} repeated={repeated} outer={context} width={w} height={h} />
        </div>);
    });
    return [row, ...panels];
  });
  return <div style={{ position: 'relative', width, height: top - GAP }}>{items}</div>;
}
