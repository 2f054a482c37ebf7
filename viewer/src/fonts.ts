// The shipped font (Pretendard, OFL 1.1): names look alike on machines that have no Korean font.
// The families are declared in styles/fonts.css.

/** CSS font-family for labels on the map; the second holds the rare syllables that the bold subset lacks. */
export const MAP_FONTS = '"Naru Sans", "Naru Sans Whole", sans-serif';

/** Loads the files, because text that the map rasterises before they are there would stay in another font. */
export async function loadFonts(): Promise<void> {
  const wanted = ['400 16px "Naru Sans"', '600 16px "Naru Sans"', '400 16px "Naru Sans Whole"'];
  await Promise.all(wanted.map((font) => document.fonts.load(font, "가A")));
}
