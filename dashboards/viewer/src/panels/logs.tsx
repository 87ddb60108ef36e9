// logs: Grafana's packages have only its types, so this list is our own.
import { dateTimeFormat } from '@grafana/data';
import { useState } from 'react';
import type { Props } from './props';

interface Row { id: string; time: number; line: string; level: string; fields: Record<string, any>; count: number }

/** Syslog's severities and what programs call them, in the colours that Grafana gives to levels. */
const COLORS: Array<[RegExp, string]> = [
  [/^(emerg|alert|crit|fatal|panic)/i, 'purple'], [/^err/i, 'red'], [/^warn/i, 'yellow'], [/^(info|notice)/i, 'green'], [/^debug/i, 'blue'], [/^trace/i, 'light-blue'],
];
const HIDDEN = new Set(['message', '@version']);

function rowsOf({ panel, data }: Props): Row[] {
  const options = panel.options ?? {};
  const rows: Row[] = data.series.flatMap((frame) => {
    const column = (name: string) => frame.fields.find((f) => f.name === name)?.values ?? [];
    const [times, lines, levels, fields, ids] = ['Time', 'Line', 'level', 'fields', 'id'].map(column);
    return times.map((time: number, i: number) => ({ id: ids[i] ?? String(i), time, line: String(lines[i]), level: String(levels[i] ?? ''), fields: fields[i] ?? {}, count: 1 }));
  });
  rows.sort((a, b) => (options.sortOrder === 'Ascending' ? a.time - b.time : b.time - a.time));
  const signature = (line: string) => (options.dedupStrategy === 'numbers' ? line.replace(/\d/g, '') : options.dedupStrategy === 'signature' ? line.replace(/\w/g, '') : line);
  if (!options.dedupStrategy || options.dedupStrategy === 'none') return rows;
  return rows.reduce<Row[]>((kept, row) => {
    const last = kept.at(-1);
    if (last && signature(last.line) === signature(row.line)) last.count += 1;
    else kept.push(row);
    return kept;
  }, []);
}

function pretty(line: string): string {
  try {
    return JSON.stringify(JSON.parse(line), null, 2);
  } catch {
    return line;
  }
}

function flat(fields: Record<string, any>, prefix = ''): Array<[string, string]> {
  return Object.entries(fields).flatMap(([key, value]): Array<[string, string]> => (
    value && typeof value === 'object' && !Array.isArray(value) ? flat(value, `${prefix}${key}.`) : [[prefix + key, Array.isArray(value) ? value.join(', ') : String(value)]]));
}

export function Logs(props: Props) {
  const { panel, context } = props;
  const { theme, timeZone } = context;
  const options: Record<string, any> = { showTime: true, enableLogDetails: true, wrapLogMessage: true, ...panel.options };
  const [open, setOpen] = useState<string>();
  const size = options.fontSize === 'small' ? 11 : 12;
  return (
    <div style={{ height: '100%', overflow: 'auto', fontFamily: theme.typography.fontFamilyMonospace, fontSize: size, lineHeight: 1.5 }}>
      {rowsOf(props).map((row) => {
        const name = COLORS.find(([pattern]) => pattern.test(row.level))?.[1];
        const labels = flat(row.fields).filter(([key]) => !HIDDEN.has(key));
        const from = labels.find(([key]) => key === 'program' || key === 'container.name')?.[1];
        return (
          <div key={row.id} data-log-row style={{ borderBottom: `1px solid ${theme.colors.border.weak}` }}>
            <div onClick={() => options.enableLogDetails && setOpen(open === row.id ? undefined : row.id)} style={{ display: 'flex', gap: 8, cursor: options.enableLogDetails ? 'pointer' : 'default' }}>
              <span title={row.level} style={{ width: 3, flexShrink: 0, background: name ? theme.visualization.getColorByName(name) : theme.colors.text.disabled }} />
              {options.showTime && <span style={{ color: theme.colors.text.secondary, flexShrink: 0 }}>{dateTimeFormat(row.time, { timeZone, defaultWithMS: true })}</span>}
              {(options.showLabels || options.showCommonLabels) && from && <span style={{ color: theme.colors.text.link, flexShrink: 0, maxWidth: 260, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }}>{from}</span>}
              {row.count > 1 && <span style={{ color: theme.colors.warning.text, flexShrink: 0 }}>{row.count}×</span>}
              <span style={{ whiteSpace: options.wrapLogMessage ? 'pre-wrap' : 'pre', overflowWrap: 'anywhere' }}>{options.prettifyLogMessage ? pretty(row.line) : row.line}</span>
            </div>
            {open === row.id && <table style={{ margin: '4px 12px', color: theme.colors.text.secondary }}><tbody>
              {labels.map(([key, value]) => <tr key={key}><td style={{ paddingRight: 16 }}>{key}</td><td style={{ color: theme.colors.text.primary, overflowWrap: 'anywhere' }}>{value}</td></tr>)}
            </tbody></table>}
          </div>);
      })}
    </div>);
}
