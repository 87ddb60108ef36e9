import { ThemeContext, createTheme } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import * as api from './api';
import { App } from './app';
import './gauge-arcs';
import { report } from './report';

/** Text on a canvas stays in the font that was there when it was drawn. */
async function fonts() {
  const wanted = ['400 12px Inter', '500 12px Inter', '400 12px "Roboto Mono"'];
  await Promise.all(wanted.map((font) => document.fonts.load(font)));
}

async function start() {
  await initPluginTranslations('grafana-ui');
  const light = new URLSearchParams(location.search).get('theme') === 'light';
  const theme = createTheme({ colors: { mode: light ? 'light' : 'dark' } });
  const root = createRoot(document.getElementById('root')!);
  const page = (children: React.ReactNode) => root.render(<ThemeContext.Provider value={theme}><GlobalStyles />{children}<PortalContainer /></ThemeContext.Provider>);
  try {
    const viewer = await api.viewer();
    const uid = /^\/d\/([^/]+)/.exec(location.pathname)?.[1] ?? viewer.home;
    const board = await api.board(decodeURIComponent(uid));
    document.title = `${board.title} – Swarmscope (not Grafana)`;
    page(null);
    // GlobalStyles bring the fonts' addresses; they are there after the first drawing.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    await fonts();
    page(<App board={board} viewer={viewer} theme={theme} />);
  } catch (e: any) {
    report.fatal = e.message;
    page(<div role="alert" style={{ padding: 32, color: theme.colors.error.text }}>{e.message} <a href="/">Home</a></div>);
  }
}

void start();
