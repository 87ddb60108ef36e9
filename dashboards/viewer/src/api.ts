// What the server answers; nothing else is asked.
import type { Board } from './board';

export interface Source { uid: string; type: 'prometheus' | 'elasticsearch'; name: string; scrapeSeconds?: number }
export interface Entry { uid: string; title: string; tags: string[] }
export interface Viewer { home: string; version: string; sources: Source[]; boards: Entry[]; broken: Array<{ file: string; error: string }> }
export interface Line { id: string; time: number; fields: Record<string, any> }

type Parameters = Record<string, string | string[] | undefined>;

const PAUSE = 300;

/** Browsers drop requests when an interface of the machine comes or goes, and containers make many: asks again. */
async function fetched(url: string): Promise<Response> {
  for (let left = 3; ; left--) {
    try {
      return await fetch(url);
    } catch (e: any) {
      if (!left) throw new Error(`the viewer's server does not answer: ${e.message}`);
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }
}

async function get<T>(path: string, parameters: Parameters = {}): Promise<T> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) for (const v of [value ?? []].flat()) search.append(name, v);
  const response = await fetched(`/api/${path}?${search}`);
  const text = await response.text();
  let body: any;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
  }
  if (body.status === 'error') throw new Error(body.error);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return body.data;
}

export const viewer = () => get<Viewer>('viewer');
export const board = (uid: string) => get<Board>(`boards/${encodeURIComponent(uid)}`);
export const prometheus = <T>(path: string, parameters: Parameters) => get<T>(`prometheus/${path}`, parameters);
export const search = (query: string, from: number, to: number, size: number) =>
  get<{ total: number; lines: Line[] }>('logs/search', { query, from: String(from), to: String(to), size: String(size) });
