import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    target: 'es2022',
    // The page's policy allows no data: scripts, and nothing needs a polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: Object.fromEntries(['/api', '/healthz'].map((path) => [path, process.env.LOGD ?? 'http://127.0.0.1:8080'])) },
});
