// Annotation marks: a dashed line, a band where it lasts, and a handle below that tells its text.
import { type UPlotConfigBuilder } from '@grafana/ui';
import { useEffect, useLayoutEffect, useRef } from 'react';
import type uPlot from 'uplot';
import type { Mark } from '../annotations';
import type { Context } from '../context';

const CLASS = 'viewer-mark';

export function Marks({ config, marks, context }: { config: UPlotConfigBuilder; marks: Mark[]; context: Context }) {
  const current = useRef(marks);
  const plot = useRef<uPlot>();
  current.current = marks;
  useLayoutEffect(() => {
    config.addHook('init', (u) => void (plot.current = u));
    config.addHook('draw', (u) => draw(u, current.current, context));
  }, [config]);
  // They may come after the plot has been drawn.
  useEffect(() => plot.current?.redraw(false, false), [marks]);
  return null;
}

function draw(u: uPlot, marks: Mark[], context: Context) {
  const { ctx, bbox, over } = u;
  over.querySelectorAll(`.${CLASS}`).forEach((element) => element.remove());
  const right = bbox.left + bbox.width;
  for (const mark of marks) {
    const from = Math.round(u.valToPos(mark.time, 'x', true));
    const to = mark.end === undefined ? from : Math.round(u.valToPos(mark.end, 'x', true));
    if (to < bbox.left || from > right) continue;
    const [x0, x1] = [Math.max(from, bbox.left), Math.min(to, right)];
    ctx.save();
    ctx.fillStyle = context.theme.visualization.getColorByName(mark.color);
    if (x1 > x0) {
      ctx.globalAlpha = 0.08;
      ctx.fillRect(x0, bbox.top, x1 - x0, bbox.height);
    }
    ctx.globalAlpha = 0.7;
    for (const x of from === x0 ? (x1 > x0 && to === x1 ? [x0, x1] : [x0]) : []) for (let y = 0; y < bbox.height; y += 8) ctx.fillRect(x, bbox.top + y, devicePixelRatio, 4);
    ctx.restore();
    const handle = document.createElement('div');
    handle.className = CLASS;
    handle.title = `${mark.name}\n${mark.text}`;
    const left = (x0 - bbox.left) / devicePixelRatio;
    Object.assign(handle.style, {
      position: 'absolute', bottom: '-6px', height: '6px', left: `${left - 3}px`, width: `${Math.max(7, (x1 - x0) / devicePixelRatio + 7)}px`, borderRadius: '2px', zIndex: '2',
      background: context.theme.visualization.getColorByName(mark.color), opacity: '0.9',
    });
    over.append(handle);
  }
}
