/** The page's one typeface, vendored, and loaded before any label is drawn. */
import { LABEL_FONT } from "./style.ts";
import "./fonts.css";

// Every Vietnamese letter: the files are split by script, and each part loads on its first use.
const LETTERS = "AĂÂEÊIOÔƠUƯYĐaăâeêioôơuưyđ ẤẦẨẪẬẮẰẲẴẶẾỀỂỄỆỐỒỔỖỘỚỜỞỠỢỨỪỬỮỰ ạảấầẩẫậ 0123456789";

/** Resolves when labels can be drawn; a font that fails leaves the system's in its place. */
export async function fontsReady(): Promise<void> {
  const wanted = [`600 24px "${LABEL_FONT}"`, '400 24px "Be Vietnam Pro"'];
  await Promise.allSettled(wanted.map((font) => document.fonts.load(font, LETTERS)));
}
