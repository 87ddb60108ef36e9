// Variables in texts and queries: $name, ${name}, ${name:format}, [[name]].

/** A variable's choice, or why it has none. */
export interface Known { value: string | string[]; text?: string | string[]; allValue?: string; error?: string }
export type Variables = Map<string, Known>;
export type Format = (values: string[], several: boolean) => string;

// A matcher is a regular expression inside a PromQL string: one backslash is written as two.
const forMatcher = (v: string) => v.replace(/[\\^$.*+?()[\]{}|]/g, (c) => (c === '\\' ? '\\\\\\\\' : `\\\\${c}`));
const forRegex = (v: string) => v.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
const forLucene = (v: string) => `"${v.replace(/["\\]/g, '\\$&')}"`;
const either = (values: string[]) => (values.length === 1 ? values[0] : `(${values.join('|')})`);

const FORMATS: Record<string, Format> = {
  text: (v) => v.join(' + '),
  raw: (v) => v.join(','),
  csv: (v) => v.join(','),
  pipe: (v) => v.join('|'),
  glob: (v) => (v.length > 1 ? `{${v.join(',')}}` : v.join('')),
  regex: (v) => either(v.map(forRegex)),
  json: (v, several) => JSON.stringify(several ? v : v[0]),
  lucene: (v, several) => (several ? `(${v.map(forLucene).join(' OR ')})` : v.map(forLucene).join('')),
  percentencode: (v) => encodeURIComponent(v.join(',')),
  uriencode: (v) => encodeURI(v.join(',')),
  singlequote: (v) => v.map((x) => `'${x.replace(/'/g, "\\'")}'`).join(','),
  doublequote: (v) => v.map((x) => `"${x.replace(/"/g, '\\"')}"`).join(','),
};
/** What a data source takes where no format is named. */
export const IN_PROMQL: Format = (v, several) => (several ? either(v.map(forMatcher)) : v.join(''));
export const IN_LUCENE: Format = (v, several) => (several ? FORMATS.lucene(v, true) : v.join('').replace(/([+\-=&|><!(){}[\]^"~*?:\\/ ])/g, '\\$1'));
export const IN_TEXT = FORMATS.text;

const PATTERN = /\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

/** Names of variables that a text mentions. */
export function mentioned(text: string): string[] {
  return [...text.matchAll(PATTERN)].map((m) => m[1] ?? m[2] ?? m[4]);
}

/**
 * Puts the choices in. An unknown name is an error where `strict`; `$1` is a group of label_replace and stays.
 * `lookup` answers what is no variable of the board: __from, __field.labels.x and so on.
 */
export function interpolate(text: string, variables: Variables, format: Format, strict: boolean, lookup?: (name: string, path?: string, format?: string) => string | undefined): string {
  return text.replace(PATTERN, (whole, a, b, bFormat, c, path, cFormat) => {
    const name: string = a ?? b ?? c;
    const named: string | undefined = bFormat ?? cFormat;
    const found = lookup?.(name, path, named);
    if (found !== undefined) return found;
    const known = variables.get(name);
    if (!known) {
      if (!strict || /^\d/.test(name)) return whole;
      throw new Error(`unknown variable ${whole} in ${text}`);
    }
    if (known.error !== undefined) {
      if (!strict) return whole;
      throw new Error(`variable ${name}: ${known.error}`);
    }
    if (named === 'queryparam') return [known.value].flat().map((v) => `var-${name}=${encodeURIComponent(v)}`).join('&');
    if (known.allValue !== undefined && named !== 'text') return known.allValue;
    const choose = named === undefined ? format : FORMATS[named];
    if (!choose) throw new Error(`unknown format ${whole}`);
    const values = choose === FORMATS.text ? (known.text ?? known.value) : known.value;
    return choose([values].flat(), Array.isArray(values));
  });
}
