// The sums of pooling layers: the maximum or the mean of a window or of a whole map.

// The position of the maximum of a window; ties go to the first.
function winner(x, axes, c, oh, ow) {
  const places = windowOf(axes, oh, ow).map(([h, w]) => x.place(c, h, w));
  return places.reduce((best, k) => (x.at(k) > x.at(best) ? k : best), places[0]);
}

// The outputs of all windows that contain the input (h, w): pairs [oh, ow].
function windowsWith([down, across], h, w) {
  return readersOf(down, h).flatMap(([oh]) => readersOf(across, w).map(([ow]) => [oh, ow]));
}

const max = {
  forward({ gives, reads: [x] }, rule, place) {
    const [c, oh, ow] = gives.index(place);
    const terms = windowOf(rule.axes, oh, ow).map(([h, w, i, j]) => {
      return term([named(x, x.place(c, h, w))], [0, i, j]);
    });
    return found(gives, place, say("maximum"), terms, "max");
  },
  backward({ delta, reads: [x], to: [dx] }, rule, place) {
    const [c, h, w] = dx.index(place);
    const won = windowsWith(rule.axes, h, w).filter(([oh, ow]) => winner(x, rule.axes, c, oh, ow) === place);
    const terms = won.map(([oh, ow]) => term([named(delta, delta.place(c, oh, ow))]));
    const words = say(won.length ? "wasMaximum" : "wasNotMaximum");
    return found(dx, place, words, terms);
  },
};

// The number of positions of the window that count in the mean.
function countIn(rule, oh, ow) {
  const along = (axis, o, [before, after]) => range(axis.size).map((i) => inputAt(axis, o, i))
    .filter((at) => at >= -before && at < axis.length + after).length;
  return along(rule.axes[0], oh, rule.counted[0]) * along(rule.axes[1], ow, rule.counted[1]);
}
const share = (n) => constant(`1/${n}`, 1 / n);

const mean = {
  forward({ gives, reads: [x] }, rule, place) {
    const [c, oh, ow] = gives.index(place);
    const part = share(countIn(rule, oh, ow));
    const terms = windowOf(rule.axes, oh, ow).map(([h, w]) => term([part, named(x, x.place(c, h, w))]));
    return found(gives, place, say("mean"), terms);
  },
  backward({ delta, to: [dx] }, rule, place) {
    const [c, h, w] = dx.index(place);
    const terms = windowsWith(rule.axes, h, w).map(([oh, ow]) => {
      return term([share(countIn(rule, oh, ow)), named(delta, delta.place(c, oh, ow))]);
    });
    return found(dx, place, say("shareOfWindows"), terms);
  },
};

const globalMean = {
  forward({ gives, reads: [x] }, rule, c) {
    const each = x.shape[1] * x.shape[2];
    const terms = range(each).map((k) => term([share(each), named(x, c * each + k)]));
    return found(gives, c, say("meanOfMap"), terms);
  },
  backward({ delta, to: [dx] }, rule, place) {
    const each = dx.shape[1] * dx.shape[2];
    const terms = [term([share(each), named(delta, Math.floor(place / each))])];
    return found(dx, place, say("shareOfMap"), terms);
  },
};
