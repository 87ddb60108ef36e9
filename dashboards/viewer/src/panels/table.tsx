import { TableNG } from '@grafana/ui/unstable';
import { Select } from '@grafana/ui';
import { useState } from 'react';
import type { Props } from './props';

export function TablePanel({ panel, data, context, width, height }: Props) {
  const options = panel.options ?? {};
  const [index, choose] = useState<number>(options.frameIndex ?? 0);
  const several = data.series.length > 1;
  const frame = data.series[Math.min(index, data.series.length - 1)];
  return <>
    <TableNG data={frame} width={width} height={height - (several ? 40 : 0)} cellHeight={options.cellHeight} structureRev={context.tick} noHeader={options.showHeader === false}
      initialSortBy={options.sortBy} timeRange={data.range} fieldConfig={data.fieldConfig} enablePagination={options.enablePagination} frozenColumns={options.frozenColumns?.left}
      maxRowHeight={options.maxRowHeight} enableVirtualization={false} />
    {several && <Select options={data.series.map((f, i) => ({ value: i, label: f.name ?? f.refId ?? String(i) }))} value={index} onChange={(o) => choose(o.value ?? 0)} />}
  </>;
}
