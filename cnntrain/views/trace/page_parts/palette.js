// Colours of numbers: blue - paper - orange for signed ones, paper - ink for others. Both are safe
// for colour-blind readers, and zero always has the colour of the paper.

const LIGHT = {
  negative: [[247, 247, 245], [146, 188, 222], [33, 102, 172], [5, 48, 97]],
  positive: [[247, 247, 245], [246, 182, 120], [214, 96, 12], [122, 46, 3]],
  above: [[250, 250, 248], [168, 201, 193], [44, 127, 122], [1, 60, 64]],
};
const DARK = {
  negative: [[30, 34, 42], [36, 84, 134], [82, 155, 219], [186, 220, 250]],
  positive: [[30, 34, 42], [133, 66, 14], [233, 137, 52], [255, 219, 176]],
  above: [[26, 30, 36], [24, 92, 90], [72, 173, 162], [205, 243, 233]],
};

const isDark = () => document.documentElement.dataset.theme === "dark";

function scaleOf(...blocks) {
  let low = Infinity;
  let high = -Infinity;
  for (const block of blocks) {
    for (let k = 0; k < block.kept; k++) {
      const value = block.at(k);
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  const signed = low < 0 || blocks.some((block) => block.isSigned);
  return { signed, low, high, reach: Math.max(Math.abs(low), Math.abs(high)) || 1 };
}

function colour(value, scale) {
  const ramps = isDark() ? DARK : LIGHT;
  const ramp = scale.signed ? (value < 0 ? ramps.negative : ramps.positive) : ramps.above;
  const at = Math.min(1, Math.abs(value) / scale.reach) * (ramp.length - 1);
  const below = Math.min(Math.floor(at), ramp.length - 2);
  return ramp[below].map((part, i) => Math.round(part + (at - below) * (ramp[below + 1][i] - part)));
}

const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

// The light of a colour as WCAG defines it, from 0 (black) to 1 (white).
function luminance(colours) {
  const [red, green, blue] = colours.map((one) => one / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// Black or white, whichever has the higher contrast to it, which is at least 4.5.
const inkOn = (back) => ((luminance(back) + 0.05) ** 2 > 0.05 * 1.05 ? "#000000" : "#ffffff");

function colourBar(scale, block) {
  const from = scale.signed ? -scale.reach : 0;
  const stops = Array.from({ length: 13 }, (_, i) => {
    return css(colour(from + ((scale.reach - from) * i) / 12, scale));
  });
  const ends = scale.signed ? [-scale.reach, 0, scale.reach] : [0, scale.reach];
  const told = say("range", { low: block.write(scale.low), high: block.write(scale.high) });
  return make("div", { class: "colour-bar", role: "img", "aria-label": told, title: told },
    make("i", { style: `background: linear-gradient(to right, ${stops.join(",")})` }),
    make("div", {}, ends.map((value) => make("span", {}, short(value, 3)))));
}
