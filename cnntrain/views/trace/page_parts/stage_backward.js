// The content of a backward step: what comes in, what it is multiplied by, and what is passed back.

const derivativeBy = (letter) => `${letter === "z" ? "\u03b4 = " : ""}\u2202C/\u2202${letter}`;

function backwardStage(layer) {
  const blocks = blocksOf(layer);
  const panels = [];
  const letters = layer.to_params.map((one) => one.of.split(".").pop());
  const [box, columns] = withExplanation(panels,
    group(say("incoming", { name: derivativeBy(layer.gives.letter) }), shown(panels, blocks.delta, {
      title: isDelta(layer) ? `${blocks.delta.name} = \u2202C/\u2202${layer.gives.name}` : blocks.delta.name,
      side: "backward", say: sendersOf(layer),
    })),
    group(say("uses"), ...layer.params.filter((one) => one.letter !== "b").map((one) => shown(panels, blocks[one.letter])),
      blocks.slope ? shown(panels, blocks.slope, { title: layer.rule.as === "mask" ? say("mask") : say("slope") }) : "",
      ...blocks.reads.map((block) => shown(panels, block, { side: "forward" }))),
    layer.to_params.length ? group(say("parameterGradients"), ...layer.to_params.map((one, i) => {
      return shown(panels, blocks[`d${letters[i]}`], {
        side: "backward", pick: (k) => box.show(explainGradient(layer, blocks, letters[i], k)),
      });
    })) : "",
    group(say("passedBack"), ...blocks.to.map((block, input) => shown(panels, block, {
      title: block.name.endsWith(".z") ? `\u03b4 = ${block.name}` : block.name,
      side: "backward", pick: (k) => box.show(explainBackward(layer, blocks, input, k)),
    }))));
  const [first] = blocks.to;
  const back = panels.find((panel) => panel.block === first);
  box.show(explainBackward(layer, blocks, 0, strongest(first, reachOf(back))));
  const formulas = new Set([...layer.to_inputs, ...layer.to_params].map((one) => one.formula));
  return [title("backward", layer.name, say("kindBackward", layer)),
    make("div", { class: "formulas" }, ...[...formulas].map(formula)), columns];
}

// The sources of δ, if there is more than one.
function sendersOf(layer) {
  const readers = trace.edges.filter(([from]) => from === layer.name).map(([, to]) => to);
  const losses = updateNow().losses.filter((one) => one.layer === layer.name).map(() => say("theLoss"));
  const all = [...readers, ...losses];
  return all.length > 1 ? say("sumFrom", { senders: all.join(say("and")) }) : undefined;
}
