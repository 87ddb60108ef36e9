import { renderTextPanelMarkdown, textUtil } from '@grafana/data';
import { replacer } from '../context';
import type { Props } from './props';

export function Text({ panel, context }: Props) {
  const { mode = 'markdown', content = '' } = panel.options ?? {};
  const text = replacer(context)(content);
  if (mode === 'code') return <pre style={{ height: '100%', overflow: 'auto', margin: 0 }}>{text}</pre>;
  const html = mode === 'html' ? textUtil.sanitizeTextPanelContent(text) : renderTextPanelMarkdown(text);
  return <div className="markdown-html" style={{ height: '100%', overflow: 'auto' }} dangerouslySetInnerHTML={{ __html: html }} />;
}
