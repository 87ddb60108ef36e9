// Grafana's Gauge works everything out and then calls $.plot with a plugin of flot that only Grafana's app has.
// This draws arcs from the options that Gauge hands over.
import $ from 'jquery';

const START = 0.9 * Math.PI;
const END = 2.1 * Math.PI;
/** Height of the arcs for a radius of 1. */
const TALL = 1 + Math.sin(0.1 * Math.PI);

($ as any).plot = (element: HTMLElement, [{ data }]: any, { series: { gauges: o } }: any) => {
  const { clientWidth: width, clientHeight: height } = element;
  const ratio = devicePixelRatio;
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: width * ratio, height: height * ratio });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  element.replaceChildren(canvas);
  const ctx = canvas.getContext('2d')!;
  ctx.scale(ratio, ratio);
  const band = o.threshold.show ? o.threshold.width : 0;
  const labels = o.threshold.label?.show ? o.threshold.label.font.size + 4 : 0;
  const radius = Math.max(1, Math.min(width / 2, height / TALL) - labels);
  const { min, max } = o.gauge;
  const x = width / 2;
  const y = (height - radius * TALL) / 2 + radius;
  const angle = (v: number) => START + ((END - START) * (Math.min(max, Math.max(min, v)) - min)) / (max - min || 1);
  const arc = (from: number, to: number, outer: number, thick: number, color: string) => {
    if (to <= from || thick <= 0 || outer <= thick / 2) return;
    ctx.beginPath();
    ctx.arc(x, y, outer - thick / 2, from, to);
    ctx.lineWidth = thick;
    ctx.strokeStyle = color;
    ctx.stroke();
  };
  let from = min;
  for (const t of band ? o.threshold.values : []) {
    arc(angle(from), angle(t.value), radius, band, t.color);
    from = t.value;
  }
  const outer = radius - (band ? band + 1 : 0);
  arc(START, END, outer, o.gauge.width, o.gauge.background.color);
  const zero = angle(o.gauge.neutralValue ?? min);
  const at = angle(data[0][1]);
  arc(Math.min(zero, at), Math.max(zero, at), outer, o.gauge.width, o.value.color);
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  ctx.font = `500 ${o.value.font.size}px ${o.value.font.family}`;
  ctx.fillStyle = o.value.color;
  ctx.fillText(o.value.formatter(), x, y);
  if (!labels) return;
  ctx.font = `${o.threshold.label.font.size}px ${o.value.font.family}`;
  for (const t of o.threshold.values) {
    ctx.fillStyle = t.color;
    const a = angle(t.value);
    ctx.fillText(o.threshold.label.formatter?.(t.value) ?? String(t.value), x + Math.cos(a) * (radius + labels / 2), y + Math.sin(a) * (radius + labels / 2));
  }
};
