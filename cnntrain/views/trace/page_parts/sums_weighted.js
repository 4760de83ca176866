// The sums of dense and convolutional layers: forward, backward, and parameter gradients.

const dense = {
  forward({ W, b, gives, reads: [a] }, rule, k) {
    const terms = range(a.size).map((j) => term([named(W, W.place(k, j)), named(a, j)]));
    return found(gives, k, say("rowTimesInputs"), [...terms, ...biasOf(b, k)]);
  },
  backward({ W, delta, to: [da] }, rule, j) {
    const terms = range(delta.size).map((k) => term([named(W, W.place(k, j)), named(delta, k)]));
    return found(da, j, say("columnTimesDelta"), terms);
  },
  W({ W, dW, delta, reads: [a] }, rule, place) {
    const [k, j] = W.index(place);
    const terms = range(a.samples).map((n) => term([named(delta, k, n), named(a, j, n)]));
    return found(dW, place, say("deltaTimesInput"), terms);
  },
  b({ db, delta }, rule, k) {
    const terms = range(delta.samples).map((n) => term([named(delta, k, n)]));
    return found(db, k, say("deltaOfUnit"), terms);
  },
};

const conv = {
  forward({ W, b, gives, reads: [a] }, rule, place) {
    const [f, oh, ow] = gives.index(place);
    const channels = W.shape[1];
    const first = Math.floor(f / (W.shape[0] / rule.groups)) * channels;
    const terms = range(channels).flatMap((c) => windowOf(rule.axes, oh, ow).map(([h, w, i, j]) => {
      return term([named(W, W.place(f, c, i, j)), named(a, a.place(first + c, h, w))], [c, i, j]);
    }));
    const weight = (c, i, j) => W.at(W.place(f, c, i, j));
    const grid = { maps: channels, weight, W, data: a, names: [say("kernel"), say("patch")] };
    return found(gives, place, say("kernelTimesPatch"),
      [...terms, ...biasOf(b, f)], "sum", { grid });
  },
  backward({ W, delta, to: [da] }, rule, place) {
    const [c, h, w] = da.index(place);
    const [down, across] = rule.axes;
    const [filters, channels, rows, columns] = W.shape;
    const each = filters / rule.groups;
    const first = Math.floor(c / channels) * each;
    const terms = range(each).flatMap((g) => readersOf(down, h).flatMap(([oh, i]) => {
      return readersOf(across, w).map(([ow, j]) => {
        const f = first + g;
        const at = [g, rows - 1 - i, columns - 1 - j];
        return term([named(W, W.place(f, c % channels, i, j)), named(delta, delta.place(f, oh, ow))], at);
      });
    }));
    const weight = (g, i, j) => W.at(W.place(first + g, c % channels, rows - 1 - i, columns - 1 - j));
    const grid = { maps: each, weight, W, data: delta, names: [say("rotatedKernel"), say("deltaUnder")] };
    return found(da, place, say("rotatedOverDelta"), terms, "sum", { grid });
  },
  W({ W, dW, delta, reads: [a] }, rule, place) {
    const [f, c, i, j] = W.index(place);
    const [down, across] = rule.axes;
    const channel = Math.floor(f / (W.shape[0] / rule.groups)) * W.shape[1] + c;
    const terms = range(a.samples).flatMap((n) => range(down.out).flatMap((oh) => {
      return range(across.out).map((ow) => [oh, ow, inputAt(down, oh, i), inputAt(across, ow, j)])
        .filter(([, , h, w]) => isInside(down, h) && isInside(across, w))
        .map(([oh_, ow_, h, w]) => {
          return term([named(delta, delta.place(f, oh_, ow_), n), named(a, a.place(channel, h, w), n)]);
        });
    }));
    return found(dW, place, say("deltaTimesRead"), terms);
  },
  b({ db, delta }, rule, f) {
    const each = delta.shape[1] * delta.shape[2];
    const terms = range(delta.samples).flatMap((n) => {
      return range(each).map((k) => term([named(delta, f * each + k, n)]));
    });
    return found(db, f, say("sumOfMap"), terms);
  },
};
