// Makes the page: dist/index.html, dist/app (ours and the packages'), dist/public (icons and fonts). Big files are packed too.
import { build } from 'esbuild';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const OUT = process.argv[2] ?? 'dist';
const FONTS = {
  'inter/Inter-Regular': 'inter/files/inter-latin-400-normal',
  'inter/Inter-Medium': 'inter/files/inter-latin-500-normal',
  'inter/Inter-Italic': 'inter/files/inter-latin-400-italic',
  'inter/Inter-MediumItalic': 'inter/files/inter-latin-500-italic',
  'roboto/L0xTDF4xlVMF-BfR8bXMIhJHg45mwgGEFl0_3vrtSM1J-gEPT5Ese6hmHSh0mQ': 'roboto-mono/files/roboto-mono-latin-400-normal',
};

// The code editor is 3 MB that no panel asks for.
const withoutEditor = {
  name: 'without-editor',
  setup(b) {
    b.onResolve({ filter: /^(react-monaco-editor|monaco-editor|@monaco-editor\/react)/ }, ({ path }) => ({ path, namespace: 'nothing' }));
    b.onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'export default () => null; export const loader = {}; export const monaco = {}; export const Editor = () => null;', loader: 'js' }));
  },
};

await rm(OUT, { recursive: true, force: true });
await build({
  entryPoints: { main: 'src/main.tsx' }, bundle: true, outdir: join(OUT, 'app'), format: 'esm', splitting: true, chunkNames: 'chunk-[hash]', assetNames: 'asset-[hash]', minify: true, jsx: 'automatic',
  legalComments: 'linked', logLevel: 'warning', define: { 'process.env.NODE_ENV': '"production"' }, plugins: [withoutEditor],
  loader: { '.png': 'dataurl', '.svg': 'dataurl', '.ttf': 'file', '.woff2': 'file' }, banner: { js: 'window.__grafana_public_path__ = "/public/";' },
});
await cp('index.html', join(OUT, 'index.html'));
await cp('node_modules/@grafana/ui/dist/public', join(OUT, 'public/build'), { recursive: true });
// The time picker asks for an icon that the package lacks: its mirror image is there.
const icons = join(OUT, 'public/build/img/icons/unicons');
const right = await readFile(join(icons, 'angle-double-right.svg'), 'utf8');
await writeFile(join(icons, 'angle-double-left.svg'), right.replace(/(<svg[^>]*>)([\s\S]*)(<\/svg>)/, '$1<g transform="matrix(-1 0 0 1 24 0)">$2</g>$3'));
for (const [name, from] of Object.entries(FONTS)) {
  const to = join(OUT, 'public/fonts', `${name}.woff2`);
  await mkdir(join(to, '..'), { recursive: true });
  await cp(`node_modules/@fontsource/${from}.woff2`, to);
}
for (const name of await readdir(join(OUT, 'app'))) {
  const file = join(OUT, 'app', name);
  if (/\.(js|css)$/.test(name)) await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }));
}
