// A colour image as the photo that it is.

const PHOTO_WIDTH = 168;

function photoOf(sample) {
  const photo = trace.photos?.[sample];
  if (!photo) return null;
  const { width, height } = photo;
  const canvas = make("canvas", { width, height, class: "photo", role: "img", "aria-label": say("photo"), style: `width: ${PHOTO_WIDTH}px` });
  const colours = Uint8Array.from(atob(photo.base64), (letter) => letter.charCodeAt(0));
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...colours.subarray(3 * i, 3 * i + 3), 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return make("figure", { class: "panel forward" }, make("figcaption", {}, make("b", {}, say("photo"))), canvas);
}
