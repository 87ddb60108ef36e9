// Links between boards: with variables and time kept where they ask for it.
import type { Context } from './context';
import { replacer } from './context';
import type { Link } from './board';

export interface Href { title: string; href: string; blank: boolean; tooltip?: string }

const join = (url: string, ...parts: string[]) => {
  const given = parts.filter(Boolean).join('&');
  return given ? `${url}${url.includes('?') ? '&' : '?'}${given}` : url;
};

export function links(context: Context, list: Link[] | undefined): Href[] {
  const replace = replacer(context);
  return (list ?? []).flatMap((link): Href[] => {
    const extra = [link.includeVars ? context.urlVariables : '', link.keepTime ? context.urlTime : ''];
    if (link.type === 'dashboards') {
      const found = context.viewer.boards.filter((b) => b.uid !== context.board.uid && (link.tags ?? []).every((tag) => b.tags.includes(tag)));
      return found.map((b) => ({ title: b.title, href: join(`/d/${b.uid}`, ...extra), blank: !!link.targetBlank }));
    }
    const href = join(replace(link.url ?? '', undefined, 'uriencode'), ...extra);
    return /^\s*(javascript|data|vbscript):/i.test(href) ? [] : [{ title: replace(link.title), href, blank: !!link.targetBlank, tooltip: replace(link.tooltip) }];
  });
}
