// What ipywidgets leaves out: names for the handles of sliders, words for the picture, and keys that JupyterLab takes for itself.
// This draws nothing; it looks after what stands beside it in the same box (`Explore` in `explore.py`).

/** Arrows in a list of options would move on to the next cell: nothing but Tab and Escape leaves the knobs. */
const keep = (event) => event.key !== "Tab" && event.key !== "Escape" && event.stopPropagation();

function render({ model, el }) {
  el.hidden = true;
  let waits = 0, box = null;
  const tell = () => {
    box = el.closest(".widget-vbox");
    const picture = box?.querySelector(".widget-image");
    if (!picture) return (waits = requestAnimationFrame(tell)); // the others are drawn a moment later
    picture.alt = model.get("alt");
    box.addEventListener("keydown", keep);
    for (const slider of box.querySelectorAll(".widget-slider"))
      slider.querySelector(".noUi-handle")?.setAttribute("aria-label", slider.querySelector(".widget-label").textContent);
  };
  model.on("change:alt", tell);
  tell();
  return () => {
    cancelAnimationFrame(waits);
    model.off("change:alt", tell);
    box?.removeEventListener("keydown", keep);
  };
}

export default { render };
