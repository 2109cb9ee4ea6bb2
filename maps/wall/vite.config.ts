import { defineConfig } from "vitest/config";
import { landPlugin } from "./build/land.ts";

export default defineConfig({
  base: "./",
  plugins: [landPlugin()],
  build: {
    target: "es2023",
    // The page's policy allows no data: fonts, so nothing is inlined.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rollupOptions: { input: { wall: "index.html", desk: "so-lieu/index.html" } },
  },
  test: { environment: "node", include: ["test/**/*.test.ts"] },
});
