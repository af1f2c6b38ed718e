import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    // The page's policy allows no data: scripts, and nothing needs a polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What several pages need is one file: many small ones pack worse, and each is a request. What few need stays apart.
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: 'shared', test: /src.(parts.(?!chart|query|time_picker)|state|api|explore.(filters|state|links))/, minShareCount: 2 }] } },
    },
  },
  server: { proxy: Object.fromEntries(['/api', '/healthz'].map((path) => [path, process.env.LOGD ?? 'http://127.0.0.1:8080'])) },
});
